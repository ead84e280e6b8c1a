"""Set-up looks, adds what is missing, and never twice, whatever people and networks do (product.md B1, R2, T1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from threading import Barrier, Thread
from typing import Any

import pytest

from integration.bitrix.errors import BitrixError, Retryable
from integration.nps.people import CardKey
from integration.services import checklist, outbox, setup
from integration.services.calls_queue import Cause, ListValue, queue_fields
from integration.services.setup import setup as set_up
from integration.store import checks, chores
from integration.store.base import Sessions, transaction
from integration.store.outbox import OutboxRow
from integration.store.policies import PolicyRow
from integration.store.portals import Portal
from tests.services.portal_world import CLIENT_ID, World, agency, on_sqlite
from tests.services.ready_world import ready_world

SCORE, GROUP, DAY = (f"UF_CRM_MOLVA_NPS_{name}" for name in ("SCORE", "GROUP", "DATE"))


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def place(sessions: Sessions) -> Iterator[World]:
    with ready_world(sessions) as made:
        yield made


@pytest.fixture
def quick(sqlite_url: str) -> Iterator[World]:
    """The same on one database, for details."""
    with on_sqlite(sqlite_url) as sessions, ready_world(sessions) as made:
        yield made


def empty(place: World, *, of: str = "all") -> None:
    """The portal as if nothing had ever been set up; the portal's own source gone too."""
    state = place.box.portal.state
    with state.lock:
        state.bindings[:] = [row for row in state.bindings if row["client_id"] != CLIENT_ID]
        state.placements.clear()
        for row_id in list(state.user_fields.ids):
            state.user_fields.remove(row_id)
        without_source(place)


def without_source(place: World) -> None:
    state = place.box.portal.state
    for row_id, row in list(state.statuses.rows.items()):
        if row["STATUS_ID"] == "RECOMMENDATION":
            state.statuses.remove(row_id)
            del state.stages[("SOURCE", "RECOMMENDATION")]
    with transaction(place.deps.sessions) as session:
        checks.locked(session, place.portal_id).found = {}


def whole(place: World) -> list[str]:
    """What is there once, what is there twice or not at all: a list of the latter."""
    state = place.box.portal.state
    fields = [(row["ENTITY_ID"], row["FIELD_NAME"]) for row in state.user_fields.rows.values()]
    items = [
        (row["ENTITY_ID"], row["FIELD_NAME"], item["XML_ID"])
        for row in state.user_fields.rows.values()
        for item in row.get("LIST", ())
    ]
    tabs = [(row["placement"], row["handler"]) for row in state.placements]
    events = [(row["event"], row["handler"]) for row in state.bindings if row["client_id"] == CLIENT_ID]
    sources = [row["STATUS_ID"] for row in state.statuses.rows.values() if row["ENTITY_ID"] == "SOURCE"]
    wanted = setup.wanted_of(place.deps, place.portal_id)
    counts = {
        "fields": (len(fields), sum(len(spec.on) for spec in wanted.fields)),
        "items": (len(items), sum(len(spec.on) * len(spec.values) for spec in wanted.fields)),
        "tabs": (len(tabs), 4),
        "events": (len(events), len(wanted.events)),
    }
    wrong = [f"{name}: {there} of {of}" for name, (there, of) in counts.items() if there != of]
    every: list[Any] = [*fields, *items, *tabs, *events, *sources]
    doubles = [str(one) for one, times in Counter(every).items() if times > 1]
    return wrong + doubles + ([] if "RECOMMENDATION" in sources else ["no source"])


def until_done(place: World) -> None:
    """As the chore does it: again, when told to."""
    for _ in range(12):
        try:
            set_up(place.deps, place.portal_id)
        except BitrixError:
            place.clock.advance(15)
        else:
            return
    raise AssertionError("never done")


METHODS = ("placement.bind", "event.bind", "crm.deal.userfield.add", "crm.status.add")


def survives(place: World, fault: str) -> None:
    for method in METHODS:
        empty(place)
        place.fault(fault, method=method)
        until_done(place)
        assert whole(place) == [], (method, fault)
        place.box.control("/faults", {}, "DELETE")


def test_nothing_is_made_twice_when_an_answer_is_lost_after_the_effect(place: World) -> None:
    """Of tabs, events, fields and the source, each in its turn."""
    survives(place, "drop_after")


@pytest.mark.parametrize("fault", ["drop_before", "500", "half_batch"])
def test_nothing_is_made_twice_whatever_else_fails(quick: World, fault: str) -> None:
    """A request that never arrived, one that failed, a batch half done."""
    survives(quick, fault)


def test_a_set_up_waits_until_a_request_that_broke_off_must_have_ended(quick: World) -> None:
    """It may still be at work in the portal, and a look too early would not see what it is about to make."""
    empty(quick)
    quick.fault("drop_after", method="placement.bind")
    with pytest.raises(Retryable):
        set_up(quick.deps, quick.portal_id)
    quick.clock.advance(30)
    assert checklist.repair(quick.deps, quick.portal_id, "a").code == setup.UNDER_WAY
    quick.clock.advance(setup.SETTLE.total_seconds())
    until_done(quick)
    assert whole(quick) == []


@pytest.mark.parametrize("after", [1, 3])
def test_a_process_killed_in_the_middle_leaves_nothing_double(
    quick: World, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Between two requests of the plan, with nothing written down: the lease runs out, and the next one looks first."""
    empty(quick)
    left = [after]

    def dying(hold: Any, by: Any = None) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed

    monkeypatch.setattr(setup._Hold, "extend", dying)
    monkeypatch.setattr(checks, "release", lambda *_: None)
    monkeypatch.setattr(checks, "renew", lambda *_: True)
    with pytest.raises(Killed):
        set_up(quick.deps, quick.portal_id)
    monkeypatch.undo()
    with pytest.raises(Retryable, match=setup.UNDER_WAY):
        set_up(quick.deps, quick.portal_id)
    quick.clock.advance(setup.ALONE.total_seconds() + 1)
    until_done(quick)
    assert whole(quick) == []


def test_two_at_once_make_everything_once(place: World) -> None:
    """One works, the other is told so; the one that lost its lease makes nothing any more."""
    empty(place)
    barrier = Barrier(2)
    outcomes: list[int | str] = []

    def run() -> None:
        barrier.wait(60)
        try:
            outcomes.append(set_up(place.deps, place.portal_id).added)
        except Retryable as error:
            outcomes.append(error.code)

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(outcomes) == 2
    assert any(isinstance(one, int) and one > 60 for one in outcomes)
    assert whole(place) == []
    with setup._alone(place.deps, place.portal_id) as slow:
        place.clock.advance(setup.ALONE.total_seconds() + 1)
        with setup._alone(place.deps, place.portal_id), pytest.raises(Retryable, match=setup.UNDER_WAY):
            slow.extend()


def fields_of(place: World, code: str) -> dict[str, dict[str, Any]]:
    """The portal's definitions of one of our fields, by entity."""
    rows = place.box.portal.state.user_fields.rows.values()
    return {row["ENTITY_ID"]: row for row in rows if row["FIELD_NAME"] == code}


def test_what_people_do_to_our_fields_is_survived(quick: World) -> None:
    """New labels, required fields, values of their own and other words for ours: nothing is added or changed."""
    score, source = fields_of(quick, SCORE), fields_of(quick, "UF_CRM_MOLVA_REFERRAL_SOURCE")["CRM_DEAL"]
    score["CRM_DEAL"] |= {"EDIT_FORM_LABEL": {"ru": "Наше"}, "LIST_COLUMN_LABEL": "Наше", "MANDATORY": "Y"}
    source["LIST"][0]["VALUE"] = "Нынешний клиент"
    own = {"ID": "9001", "SORT": "500", "VALUE": "Клуб", "DEF": "N", "XML_ID": "f" * 32}
    source["LIST"].append(own)
    before = quick.dump()["user_fields"]
    done = set_up(quick.deps, quick.portal_id)
    assert (done.added, done.problems) == (0, ())
    assert quick.dump()["user_fields"] == before
    write(quick, 1, {SCORE: 9, GROUP: ListValue("promoter")})
    quick.work()
    assert [row.status for row in quick.all(OutboxRow)] == ["done"]
    source["LIST"] = [item for item in source["LIST"] if item["XML_ID"] != "partner"]
    assert set_up(quick.deps, quick.portal_id).done == ("deal.list",)
    texts = {
        item["XML_ID"]: item["VALUE"] for item in fields_of(quick, source["FIELD_NAME"])["CRM_DEAL"]["LIST"]
    }
    assert texts["f" * 32] == "Клуб"
    assert texts["client"] == "Нынешний клиент"
    assert texts["partner"]


def test_a_value_that_somebody_typed_again_is_taken_over(quick: World) -> None:
    """Ours deleted and the same word entered by hand: that one becomes ours, and the cards that have it count."""
    group = fields_of(quick, GROUP)["CRM_DEAL"]
    for item in group["LIST"]:
        if item["XML_ID"] == "promoter":
            item |= {"ID": "9002", "XML_ID": "e" * 32, "VALUE": item["VALUE"].upper()}
    assert set_up(quick.deps, quick.portal_id).done == ("deal.list",)
    group = fields_of(quick, GROUP)["CRM_DEAL"]
    assert [item["ID"] for item in group["LIST"] if item["XML_ID"] == "promoter"] == ["9002"]
    assert len(group["LIST"]) == 3
    assert quick.row().fields["deal"][GROUP]["items"]["promoter"] == 9002


def write(place: World, deal: int, values: dict[str, Any]) -> None:
    """Queue a write of our fields, as an answer does."""
    with transaction(place.deps.sessions) as session:
        portal = session.get_one(Portal, place.portal_id)
        queue_fields(
            session, portal, CardKey("deal", deal), values, purpose="score", cause=Cause("response", deal),
            now=place.clock.now(),
        )  # fmt: skip


def card(place: World, deal: int = 1) -> dict[str, Any]:
    found = place.act(1, "crm.item.get", entityTypeId=2, id=deal, useOriginalUfNames="Y")["item"]
    return {code: found.get(code) for code in (SCORE, GROUP, DAY)}


def test_a_score_outlives_a_deleted_value_and_a_deleted_field(place: World) -> None:
    """Writes that wait or were refused carry the present id of the value and go on their way by themselves."""
    group = fields_of(place, GROUP)["CRM_DEAL"]
    write(place, 1, {SCORE: 9, GROUP: ListValue("promoter")})
    group["LIST"] = [item for item in group["LIST"] if item["XML_ID"] != "promoter"]
    outbox.drain(place.deps)  # refused, and a set-up is ordered
    assert [row.status for row in place.all(OutboxRow)] == ["buried"]
    write(place, 2, {SCORE: 10, GROUP: ListValue("promoter")})  # queued with the id that is no more
    place.settle()
    fresh = place.row().fields["deal"][GROUP]["items"]["promoter"]
    assert [(card(place, n)[SCORE], card(place, n)[GROUP]) for n in (1, 2)] == [(9, fresh), (10, fresh)]
    place.act(1, "crm.deal.userfield.delete", id=place.row().fields["deal"][SCORE]["id"])
    place.box.portal.queue.waiting.clear()  # and nobody hears of it
    write(place, 3, {SCORE: 4, GROUP: ListValue("detractor")})
    for _ in range(4):
        place.settle()
        place.clock.advance(120)
    assert card(place, 3)[SCORE] == 4
    assert {row.status for row in place.all(OutboxRow)} == {"done"}


def test_a_foreign_field_of_our_name_is_said_and_the_rest_works(quick: World) -> None:
    """A person settles it; other fields and kinds of cards are set up and written all the same."""
    fields_of(quick, SCORE)["CRM_DEAL"]["USER_TYPE_ID"] = "string"
    fields_of(quick, DAY)["CRM_DEAL"]["MULTIPLE"] = "Y"
    quick.box.portal.state.user_fields.remove(fields_of(quick, SCORE)["CRM_COMPANY"]["ID"])
    done = set_up(quick.deps, quick.portal_id)
    assert done.done == ("company.MOLVA_NPS_SCORE",)
    assert done.problems == (f"deal.{SCORE}:wrong_type", f"deal.{DAY}:multiple")
    assert quick.row().problem.startswith("setup:deal.")
    write(quick, 1, {GROUP: ListValue("passive")})
    quick.work()
    assert card(quick)[GROUP] == quick.row().fields["deal"][GROUP]["items"]["passive"]


# --- the portal's own source "by recommendation"


def sources(place: World) -> list[tuple[str, str]]:
    rows = place.act(1, "crm.status.list", filter={"ENTITY_ID": "SOURCE"})
    return [(row["STATUS_ID"], row["NAME"]) for row in rows]


def the_source(place: World) -> Any:
    found = checklist.read(place.deps, place.portal_id)
    assert found is not None
    return next((item for item in found.items if item.code == "source"), None)


def test_the_source_is_added_once_and_not_against_peoples_will(place: World) -> None:
    """Missing at the first set-up it is made; deleted later it stays away until a person says repair."""
    assert the_source(place).state == "ok"
    without_source(place)
    assert set_up(place.deps, place.portal_id).done == ("source.RECOMMENDATION",)
    assert ("RECOMMENDATION", "По рекомендации") in sources(place)
    seen = [
        row for row in place.box.portal.state.statuses.rows.values() if row["STATUS_ID"] == "RECOMMENDATION"
    ]
    place.box.portal.state.statuses.remove(seen[0]["ID"])
    del place.box.portal.state.stages[("SOURCE", "RECOMMENDATION")]
    assert set_up(place.deps, place.portal_id).done == ()
    assert (the_source(place).state, place.row().problem) == ("missing", "")
    found = checklist.read(place.deps, place.portal_id)
    assert found is not None
    assert found.plan == ("source.RECOMMENDATION",)
    assert checklist.repair(place.deps, place.portal_id, "a").done == ("source.RECOMMENDATION",)
    assert the_source(place).state == "ok"
    assert len([code for code, _ in sources(place) if code == "RECOMMENDATION"]) == 1


def test_a_source_of_that_name_is_not_doubled_but_shown(quick: World) -> None:
    """The agency's own «По рекомендации» under another code: the settings should name it."""
    without_source(quick)
    quick.act(
        1, "crm.status.add", fields={"ENTITY_ID": "SOURCE", "STATUS_ID": "UC_1", "NAME": "ПО  рекомендации"}
    )
    assert set_up(quick.deps, quick.portal_id, interactive=True).done == ()
    assert (the_source(quick).state, the_source(quick).facts["alike"]) == ("wrong", "UC_1")
    choose(quick, 1, "UC_1")
    assert set_up(quick.deps, quick.portal_id).done == ()
    assert the_source(quick).state == "ok"
    choose(quick, 2, "")
    set_up(quick.deps, quick.portal_id)
    assert the_source(quick) is None


def choose(place: World, version: int, code: str) -> None:
    with transaction(place.deps.sessions) as session:
        now = place.clock.now()
        body = {"recommendation_id": code}
        session.add(
            PolicyRow(portal_id=place.portal_id, version=version, body=body, author="a", saved_at=now)
        )


def test_a_portal_that_refuses_the_source_is_set_up_without(quick: World) -> None:
    """The refusal is named, and the rest is in place."""
    without_source(quick)
    quick.box.control("/settings", {"missing_methods": ["crm.status.add"]}, "PUT")
    done = set_up(quick.deps, quick.portal_id)
    assert done.problems[0].startswith("source.RECOMMENDATION:")
    assert quick.row().setup_at is not None


# --- a value that is ignored in silence


def test_the_first_write_of_each_field_is_read_back_once(place: World) -> None:
    """One request more at the first write, none at the second, also after a further set-up."""
    values = {SCORE: 9, GROUP: ListValue("promoter"), DAY: "2026-05-04"}
    place.fresh_counters()
    write(place, 1, values)
    outbox.drain(place.deps)
    assert place.counters()["by_method"]["crm.item.get"] == 1
    assert [place.row().fields["deal"][code].get("proven") for code in values] == [True] * 3
    assert not place.row().fields["company"][SCORE].get("proven")
    set_up(place.deps, place.portal_id)
    place.fresh_counters()
    write(place, 2, values)
    outbox.drain(place.deps)
    assert place.counters()["by_method"].get("crm.item.get") is None
    assert [row.status for row in place.all(OutboxRow)] == ["done", "done"]


def test_a_value_that_never_arrives_is_tried_again_and_then_shown(
    quick: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to the write looks well, the card stays empty: each field of each kind of card is told apart."""
    from integration.bitrix.sandbox import items

    collect = items.collect

    def forgetful(state: Any, kind: Any, fields: Any) -> Any:
        found = collect(state, kind, fields)
        return {code: value for code, value in found.items() if code != GROUP or kind.id != 2}

    monkeypatch.setattr(items, "collect", forgetful)
    pretending(monkeypatch)
    write(quick, 1, {SCORE: 9, GROUP: ListValue("promoter")})
    for _ in range(outbox.DOUBTS + 1):
        outbox.drain(quick.deps)
        quick.clock.advance(120)
    row = quick.all(OutboxRow)[0]
    assert (row.status, row.error) == ("buried", f"field_ignored: {GROUP}")
    fields = quick.row().fields["deal"]
    assert (fields[SCORE].get("proven"), fields[GROUP].get("proven")) == (True, None)
    with transaction(quick.deps.sessions) as session:
        due = chores.get(session, quick.portal_id, "setup")
        assert due is not None
        assert due.status == "waiting"


def pretending(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer to an update shows what was handed in, stored or not."""
    from integration.bitrix.sandbox import portal

    known = portal.METHODS["crm.item.update"]

    def answered(ctx: Any, params: Any) -> Any:
        result = known.handler(ctx, params)
        body = result.result if isinstance(result, portal.Answer) else result
        body["item"] |= dict(params["fields"])
        return result

    monkeypatch.setitem(
        portal.METHODS, "crm.item.update", type(known)(**{**vars(known), "handler": answered})
    )


def test_a_read_back_that_fails_is_no_proof(quick: World) -> None:
    """The write is made and read once more; only then it counts as done."""
    quick.fault("500", method="crm.item.get")
    write(quick, 1, {SCORE: 7})
    outbox.drain(quick.deps)
    assert [row.status for row in quick.all(OutboxRow)] == ["waiting"]
    quick.clock.advance(300)
    outbox.drain(quick.deps)
    assert [row.status for row in quick.all(OutboxRow)] == ["done"]
    assert quick.row().fields["deal"][SCORE]["proven"]


def test_the_plan_of_a_repair_is_known_before_it(quick: World) -> None:
    """The check-list names what a repair would add, and the repair adds just that."""
    quick.box.portal.state.user_fields.remove(fields_of(quick, DAY)["CRM_CONTACT"]["ID"])
    assert checklist.check(quick.deps, quick.portal_id) == ""
    found = checklist.read(quick.deps, quick.portal_id)
    assert found is not None
    assert found.plan == ("contact.MOLVA_NPS_DATE",)
    assert checklist.repair(quick.deps, quick.portal_id, "a").done == found.plan
    after = checklist.read(quick.deps, quick.portal_id)
    assert after is not None
    assert after.plan == ()


def test_the_small_world_has_the_source_that_portals_come_with() -> None:
    """So that the tests above take away what is really there."""
    assert any(row.get("STATUS_ID") == "RECOMMENDATION" for row in agency().statuses)
