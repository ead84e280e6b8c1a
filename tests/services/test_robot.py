"""Our robot and our triggers in the portal's automation, by real HTTP (product.md B3, W16; bitrix24.md 14)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from integration.bitrix import calls, robots, triggers
from integration.nps.policy_json import to_json
from integration.services import (
    automation,
    checklist,
    optouts,
    outbox,
    policies,
    privacy,
    setup,
    stuck_work,
)
from integration.services.projects.robots import accept
from integration.services.stuck_reasons import DOUBT
from integration.store.base import Sessions, make_sessions, reading, transaction
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal
from integration.store.waves import Invitation
from tests.services.life_world import removed
from tests.services.portal_world import CLIENT_ID
from tests.services.robot_world import ASK, DONE, Robots, robot_world
from webhooks.schemas import read_robot

PAUSE = "C2:PAUSE"


@pytest.fixture
def place(one_engine: Engine) -> Iterator[Robots]:
    with robot_world(make_sessions(one_engine)) as made:
        yield made


def lines(place: Robots) -> dict[str, tuple[str, str]]:
    """The two lines of the check-list: state, and how it stands."""
    found = checklist.read(place.there.deps, place.there.portal_id)
    assert found is not None
    return {
        item.code: (item.state, item.facts["how"])
        for item in found.items
        if item.code in ("triggers", "robot")
    }


def registered(place: Robots) -> tuple[list[str], list[str]]:
    """What the portal has of ours: triggers, robots."""
    app = place.there.box.portal.state.apps[CLIENT_ID]
    return sorted(app.triggers), sorted(app.robots)


def test_a_robot_waits_for_the_client_and_the_next_one_moves_the_deal(sessions: Sessions) -> None:
    """Deal -> robot -> letter -> answer -> values for the robot that waits -> the next robot; all by real HTTP."""
    with robot_world(sessions) as place:
        place.build({**ASK, "then": [{"when": {"group": "detractor", "score": 3}, "stage": PAUSE}]})
        place.moves()
        place.settle()
        assert [letter.recipient_address for letter in place.post.sent] == ["ira@vega.example.com"]
        assert [run["status"] for run in place.runs()] == ["waiting"]
        assert place.stage() == DONE
        place.answers(3, "Slow. [URL=http://evil.example]here[/URL]")
        place.settle()
        (run,) = place.runs()
        assert (run["status"], place.stage()) == ("done", PAUSE)
        assert {name: run["returned"][name] for name in ("outcome", "score", "group")} == {
            "outcome": "answered", "score": "3", "group": "detractor",
        }  # fmt: skip
        assert "[URL" not in run["returned"]["comment"]
        assert "Slow." in run["returned"]["comment"]
        assert "3" in run["message"]
        assert place.triggers() == [("molva-answer", 2), ("molva-detractor", 2)]
        order = [row.purpose for row in place.rows(OutboxRow) if row.lane == "deal:2"]
        assert order.index("score") < order.index("trigger") < order.index("robot")
        assert [row.call["params"]["EVENT_TOKEN"] for row in place.outbox("robot")] == [""]
        place.settle()
        assert len(place.outbox("robot")) == 1
        privacy.erase(place.there.deps, place.there.portal_id, place.rows(Invitation)[-1].contact_id, 1)
        assert "Slow" not in str([row.call for row in place.outbox("robot")]), "words are forgotten here too"


def test_what_a_robot_is_told_when_there_is_no_answer(place: Robots) -> None:
    """Nobody asked, nobody answering, a client who wants no questions: each comes back to the robot, and once."""
    place.build(ASK)
    place.moves(4, "NEW")  # a template of recurring deals, and of another pipeline: nothing runs there
    place.there.act(
        6, "crm.item.update", entityTypeId=2, id=1, fields={"categoryId": 2, "stageId": "C2:LOSE"}
    )
    place.build({**ASK, "stage": "C2:LOSE"}, ASK)
    place.there.act(6, "crm.item.update", entityTypeId=2, id=1, fields={"stageId": "C2:EXECUTING"})
    place.there.act(6, "crm.item.update", entityTypeId=2, id=1, fields={"stageId": "C2:LOSE"})
    place.settle()
    (lost,) = place.runs()
    assert (lost["status"], lost["returned"]) == ("done", {"outcome": "skipped", "reason": "deal_lost"})
    assert place.post.sent == []
    place.moves()
    place.settle()
    assert len(place.post.sent) == 1
    token = place.rows(Invitation)[-1].token
    assert optouts.opt_out(place.there.deps, token, one_click=True).status != "unknown"
    place.settle()
    assert place.runs()[-1]["returned"]["outcome"] == "refused"
    place.there.act(6, "crm.item.update", entityTypeId=2, id=3, fields={"categoryId": 2, "stageId": DONE})
    place.settle()
    assert [letter.recipient_address for letter in place.post.sent][-1] == "oleh@alone.example.com"
    for days in (7, 21, 1, 1):
        place.there.clock.advance(days * 86400)
        place.settle()
    assert place.runs()[-1]["returned"]["outcome"] == "no_answer"
    assert len(place.outbox("robot")) == 3


def test_a_robot_that_does_not_wait_gets_nothing_and_a_call_delivered_twice_asks_once(place: Robots) -> None:
    """Fire and forget; the queue may deliver the same step again."""
    place.there.box.control("/settings", {"events": {"duplicate_every": 1}}, "PUT")
    place.build({**ASK, "wait": False, "properties": {"days": "2"}})
    place.moves()
    place.settle()
    (asked,) = place.asked()
    assert asked.due_at is not None
    assert (asked.waits, (asked.due_at - asked.started_at).days, place.post.sent) == (False, 2, [])
    place.there.clock.advance(2 * 86400)
    place.settle()
    assert [letter.recipient_address for letter in place.post.sent] == ["ira@vega.example.com"]
    place.answers(10)
    place.settle()
    assert place.outbox("robot") == []
    assert [run["status"] for run in place.runs()] == ["called"]
    assert place.triggers() == [("molva-answer", 2), ("molva-promoter", 2)]


def test_a_robot_whose_deal_has_moved_on_is_settled_without_anybody(place: Robots) -> None:
    """A waiting step ends with its stage: the portal refuses its token, and nothing is stuck."""
    place.build(ASK)
    place.moves()
    place.settle()
    place.moves(2, PAUSE)
    place.answers(9)
    place.settle()
    (row,) = place.outbox("robot")
    assert (row.status, row.error, place.runs()[0]["status"]) == ("done", "nobody_waits", "over")
    assert stuck_work.listing(place.there.deps, place.there.portal_id, "failed").entries == ()


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_telling_a_robot_is_repeated_and_heard_once(place: Robots, kind: str) -> None:
    """The connection breaks before or after the portal has heard it."""
    place.build(ASK)
    place.moves()
    place.settle()
    place.answers(9)
    place.there.fault(kind, method="bizproc.event.send")
    place.settle()
    (run,), (row,) = place.runs(), place.outbox("robot")
    assert (run["status"], run["returned"]["score"], row.status, row.attempts) == ("done", "9", "done", 2)


def test_a_trigger_of_unknown_outcome_is_left_to_a_person(place: Robots) -> None:
    """It cannot be looked up whether it has fired, so it does not fire again by itself."""
    place.build({**ASK, "wait": False})
    place.moves()
    place.settle()
    place.answers(9)
    place.there.fault("drop_after", method="crm.automation.trigger.execute")
    place.settle()
    rows = place.outbox("trigger")
    assert place.triggers() == [("molva-answer", 2), ("molva-promoter", 2)]
    assert [(row.status, row.error) for row in rows] == [("buried", DOUBT), ("done", "")]
    stuck = stuck_work.listing(place.there.deps, place.there.portal_id, "failed").entries
    assert {(entry.kind, entry.reason) for entry in stuck} == {("trigger", DOUBT)}


def test_set_up_registers_both_once_and_renews_what_has_changed(place: Robots) -> None:
    """Idempotent; another address of ours, another language, a name changed: each by itself."""
    deps, portal_id, app = (
        place.there.deps,
        place.there.portal_id,
        place.there.box.portal.state.apps[CLIENT_ID],
    )
    assert registered(place) == (sorted(triggers.CODES), [robots.CODE])
    assert app.robots[robots.CODE]["HANDLER"] == f"{place.there.address}/bitrix/robot"
    assert lines(place) == {"triggers": ("ok", "ok"), "robot": ("ok", "ok")}
    assert setup.setup(deps, portal_id, people=False).done == ()
    app.triggers["molva-passive"] = "other"
    assert setup.setup(deps, portal_id, people=False).done == ("trigger.molva-passive",)
    moved = replace(deps, settings=replace(deps.settings, public_url="http://127.0.0.1:1"))
    assert f"robot.{robots.CODE}" in setup.setup(moved, portal_id, people=False).done
    assert app.robots[robots.CODE]["HANDLER"] == "http://127.0.0.1:1/bitrix/robot"
    del app.robots[robots.CODE], app.triggers["molva-answer"]
    assert checklist.check(deps, portal_id) == ""
    assert lines(place) == {"triggers": ("missing", "missing"), "robot": ("missing", "missing")}
    assert set(checklist.repair(deps, portal_id, "Olga").done) >= {"trigger.molva-answer", "robot.molva_ask"}
    assert lines(place) == {"triggers": ("ok", "ok"), "robot": ("ok", "ok")}


def test_without_the_right_or_where_it_is_refused_all_else_is_set_up(one_engine: Engine) -> None:
    """Without `bizproc`, in an edition without automation: told, not in the way; the right may come later."""
    with robot_world(make_sessions(one_engine), scope=()) as place:
        deps, portal_id = place.there.deps, place.there.portal_id
        assert registered(place) == (sorted(triggers.CODES), [])
        assert lines(place)["robot"] == ("ok", "no_scope")
        assert place.there.row().problem == ""
        box = place.there.box
        app = box.portal.state.apps[CLIENT_ID]
        app.scope = (*app.scope, robots.SCOPE)
        box.control(
            "/settings", {"missing_methods": ["crm.automation.trigger.list", "bizproc.robot.add"]}, "PUT"
        )
        assert setup.setup(deps, portal_id, people=False).problems == ()
        assert lines(place)["triggers"] == ("ok", "refused")
        assert place.there.row().problem == ""
        with reading(deps.sessions) as session:
            assert automation.seen(session, portal_id)["triggers"]["there"] == []
        box.control("/settings", {"missing_methods": []}, "PUT")
        checklist.repair(deps, portal_id, "Olga")
        assert registered(place)[1] == [robots.CODE]
        assert lines(place) == {"triggers": ("ok", "ok"), "robot": ("ok", "ok")}


def test_a_robot_that_may_not_be_told_holds_no_other_write_up(place: Robots) -> None:
    """The right `bizproc` is taken away while it waits: the deal is written all the same, and with the right back the
    robot is told once."""
    there = place.there
    place.build(ASK)
    place.moves()
    place.settle()
    app = there.box.portal.state.apps[CLIENT_ID]
    given, app.scope = app.scope, tuple(one for one in app.scope if one != robots.SCOPE)
    place.answers(3)
    place.settle()
    (told,) = place.outbox("robot")
    assert (told.status, told.error) == ("waiting", "no_right: insufficient_scope")
    assert told.due_at > there.clock.now()
    late = there.queue(
        calls.comment_add("deal", 2, "Later words", "late"), lane="deal:2", key="late", purpose="x"
    )
    outbox.drain(there.deps)
    assert there.sent(late).status == "done"
    assert stuck_work.call_reason(told.error) == ("rights", "")
    assert [run["status"] for run in place.runs()] == ["waiting"]
    app.scope = given
    setup.setup(there.deps, there.portal_id, people=False)
    place.settle()
    assert [run["status"] for run in place.runs()] == ["done"]
    assert [row.status for row in place.outbox("robot")] == ["done"]


def test_switched_off_nothing_is_registered_or_fired(one_engine: Engine) -> None:
    """The switch of the settings; a robot that stands on a stage is told that surveys after projects are off."""
    with robot_world(make_sessions(one_engine), triggers=False) as place:
        place.there.box.portal.state.apps[CLIENT_ID].triggers.clear()
        setup.setup(place.there.deps, place.there.portal_id, people=False)
        assert registered(place)[0] == []
        assert lines(place)["triggers"] == ("ok", "off")
        place.build(ASK)
        place.moves()
        place.settle()
        place.answers(2)
        place.settle()
        assert (place.outbox("trigger"), place.triggers()) == ([], [])
        place.policy(project_surveys=False, triggers=False)
        place.moves(2, PAUSE)
        place.moves()
        place.settle()
        assert place.runs()[-1]["returned"] == {"outcome": "skipped", "reason": "off"}
        deps, portal_id = place.there.deps, place.there.portal_id
        with reading(deps.sessions) as session:
            policy, version = policies.load(session, portal_id)
        assert (
            policies.save(deps, portal_id, {**to_json(policy), "triggers": True}, "Olga", version)
            == version + 1
        )
        place.settle()
        assert registered(place)[0] == sorted(triggers.CODES)


def test_a_removed_application_is_not_called_and_comes_back_to_its_robot(place: Robots) -> None:
    """Robots stay in the portal at an uninstallation; a later one finds its robot there and makes it its own."""
    place.build(ASK)
    removed(place.there, 0)
    place.moves()
    place.settle()
    assert [run["status"] for run in place.runs()] == ["failed"]
    assert place.asked() == []
    place.there.install()
    place.settle()
    assert registered(place) == (sorted(triggers.CODES), [robots.CODE])
    place.moves(2, PAUSE)
    place.moves()
    place.settle()
    assert [run["status"] for run in place.runs()] == ["failed", "waiting"]
    assert len(place.asked()) == 1


def test_only_the_portal_itself_is_believed(place: Robots) -> None:
    """Two portals: a step posted with the other one's token, or with that of a removed application, asks nobody."""
    with transaction(place.there.deps.sessions) as session:
        mine = session.get_one(Portal, place.there.portal_id)
        session.add(
            Portal(
                member_id="other", client_id="app.other", status="active", domain="other.example",
                endpoint="http://other.example/rest/", installed_at=mine.installed_at, application_token="theirs",
            )
        )  # fmt: skip
        token, member = mine.application_token or "", mine.member_id

    def posted(member_id: str, application_token: str, document: str = "DEAL_2") -> str:
        form = {
            "code": "molva_ask", "workflow_id": "w", "event_token": "t" + document, "use_subscription": "Y",
            "document_id[0]": "crm", "document_id[1]": "CCrmDocumentDeal", "document_id[2]": document,
            "auth[member_id]": member_id, "auth[application_token]": application_token,
        }  # fmt: skip
        return accept(place.there.deps, read_robot(form.items())).outcome

    assert posted(member, "theirs") == posted("other", token) == posted("nobody", token) == "rejected"
    assert place.asked() == []
    assert posted(member, token) == posted(member, token) == "accepted"
    assert posted(member, token, "LEAD_2") == "accepted"
    assert [(run.deal_id, run.status, run.reason) for run in place.asked()] == [
        (2, "new", ""),
        (0, "skipped", "deal_gone"),
    ]
