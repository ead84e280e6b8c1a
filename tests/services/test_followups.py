"""Follow-ups: one task per answer and group, with all that is needed, followed in the portal (product.md F1 to F5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from integration.bitrix.call import Call
from integration.services import followups
from integration.store.base import Sessions, transaction
from integration.store.followups import FollowUp
from integration.store.outbox import OutboxRow
from integration.store.portals import Staff
from integration.store.responses import Response
from integration.store.waves import Invitation, Wave, WaveClient
from tests.conftest import HandClock
from tests.services.survey_world import DIRECTOR, HEAD, MANAGER, World, make_world

GROUPS = [(3, "detractor_meeting", 2), (8, "passive_call", 5), (10, "promoter_thanks", 10)]


@dataclass(frozen=True)
class TaskSeen:
    """A task as the portal shows it."""

    status: int
    responsible_id: int | None = DIRECTOR
    deadline: datetime | None = None


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock)


def task_fields(world: World, number: int = 0) -> dict[str, object]:
    return Call.from_json(world.outbox("task")[number].call).params["fields"]


def created(world: World, followup_id: int, task_id: int = 77) -> None:
    with transaction(world.deps.sessions) as session:
        followups.task_created(session, world.portal.id, followup_id, task_id, world.clock.now())


@pytest.mark.parametrize(("score", "kind", "days"), GROUPS)
def test_each_group_gets_its_task_with_owner_deadline_and_bindings(
    world: World, score: int, kind: str, days: int
) -> None:
    world.human(score, "The words")
    (row,) = world.followups()
    assert (row.kind, row.owner_id, row.status) == (kind, DIRECTOR, "open")
    assert (row.client_kind, row.client_id) == ("company", 12)
    (call,) = [Call.from_json(r.call) for r in world.outbox("task")]
    fields = call.params["fields"]
    assert call.method == "tasks.task.add"
    assert (fields["RESPONSIBLE_ID"], fields["CREATED_BY"]) == (DIRECTOR, HEAD)
    assert fields["UF_CRM_TASK"] == ["CO_12", "D_351", "C_7"]
    assert fields["SE_PARAMETER"] == [{"CODE": 3, "VALUE": "Y"}]
    assert fields["XML_ID"] == f"molva:2026:response:1:{kind}"
    assert fields["TAGS"] == ["Molva"]
    assert fields.get("AUDITORS") == ([HEAD] if kind == "detractor_meeting" else None)
    assert "ACME" in fields["TITLE"]
    assert "The words" in fields["DESCRIPTION"]
    # 12 January 2026 is a Monday; the end of the working day in Moscow
    due = {2: "2026-01-14", 5: "2026-01-19", 10: "2026-01-26"}[days]
    assert fields["DEADLINE"] == f"{due}T18:00:00+03:00"


def test_the_task_tells_who_said_it_their_role_and_the_history(world: World, clock: HandClock) -> None:
    with transaction(world.deps.sessions) as session:
        pid = world.portal.id
        old = Wave(
            portal_id=pid, name="2025", stage="closed", policy_version=1, plan={}, planned_at=clock.now()
        )
        session.add(old)
        session.flush()
        client = WaveClient(portal_id=pid, wave_id=old.id, client_kind="company", client_id=12)
        session.add(client)
        session.flush()
        asked = Invitation(portal_id=pid, wave_id=old.id, wave_client_id=client.id, contact_id=7, token="old")
        session.add(asked)
        session.flush()
        session.add(
            Response(portal_id=pid, wave_id=old.id, invitation_id=asked.id, score=8, channel="email",
                     answered_at=clock.now())
        )  # fmt: skip
    world.human(2, "[B]Bad[/B]")
    text = str(task_fields(world)["DESCRIPTION"])
    assert "Person7 Example (decides), by e-mail" in text
    assert "2025: 8" in text
    assert "[URL=http://portal.example/crm/company/details/12/]ACME[/URL]" in text
    assert "[\u200bB]Bad" in text


def test_titles_never_grow_over_what_a_portal_takes(world: World) -> None:
    world.set(WaveClient, 1, name="Very long {name} " * 25)
    world.human(2)
    assert len(str(task_fields(world)["TITLE"])) <= 250
    assert "{name}" in str(task_fields(world)["TITLE"])


def test_the_criticised_manager_never_owns_the_case(world: World) -> None:
    world.policy(director_by_city={"Kazan": MANAGER}, default_owner=MANAGER)
    world.human(2)
    assert world.followups()[0].owner_id == HEAD


def test_dismissed_people_are_skipped(world: World) -> None:
    world.set(Staff, (world.portal.id, DIRECTOR), active=False)
    world.human(2)
    assert world.followups()[0].owner_id == HEAD


def test_a_created_task_brings_its_checklist_and_lets_the_comments_go_with_the_link(
    world: World, clock: HandClock
) -> None:
    world.human(2)
    (row,) = world.followups()
    assert {r.due_at > clock.now() for r in world.outbox("comment")} == {True}
    created(world, row.id)
    created(world, row.id, task_id=78)  # told twice: the first stays
    assert world.followups()[0].task_id == 77
    for comment in world.outbox("comment"):
        words = Call.from_json(comment.call).params["fields"]["COMMENT"]
        assert words.count("/tasks/task/view/77/") == 1
        assert words.splitlines()[-1] == "(Molva 2026, № 1.1)"
        assert comment.due_at == clock.now()
    (root,) = world.outbox("checklist")
    with transaction(world.deps.sessions) as session:
        followups.call_done(session, session.get_one(OutboxRow, root.id), 500, clock.now())
    items = [Call.from_json(r.call).params for r in world.outbox("checklist_item")]
    assert [p["FIELDS"]["PARENT_ID"] for p in items] == [500] * 4
    assert items[0]["FIELDS"]["TITLE"] == "Agree a meeting"
    assert {r.lane for r in world.outbox("checklist_item")} == {f"followup:{row.id}"}


def test_later_comments_name_the_task_that_is_there(world: World, clock: HandClock) -> None:
    world.human(2)
    created(world, world.followups()[0].id)
    clock.advance(hours=1)
    world.human(3)
    last = Call.from_json(world.outbox("comment")[-1].call).params["fields"]["COMMENT"]
    assert "/tasks/task/view/77/" in last
    assert world.outbox("comment")[-1].due_at == clock.now()


def test_a_correction_within_the_group_keeps_the_task(world: World, clock: HandClock) -> None:
    world.human(2)
    clock.advance(hours=1)
    world.human(4)
    assert [row.kind for row in world.followups()] == ["detractor_meeting"]
    [task] = world.outbox("task")
    assert "score 4 of 10" in str(task_fields(world)["TITLE"])
    assert Call.from_json(task.call).params["fields"]["XML_ID"], "what the probe looks for stays"
    assert world.outbox("task_change") == []


def test_a_correction_to_another_group_cancels_the_old_and_opens_the_new(
    world: World, clock: HandClock
) -> None:
    world.human(2)
    clock.advance(hours=1)
    world.human(10)
    assert [(row.kind, row.status) for row in world.followups()] == [
        ("detractor_meeting", "cancelled"), ("promoter_thanks", "open"),
    ]  # fmt: skip
    assert [row.status for row in world.outbox("task")] == ["superseded", "waiting"]


def test_going_back_takes_up_the_first_case_again_without_a_second_task(
    world: World, clock: HandClock
) -> None:
    for score in (2, 10, 1):
        world.human(score)
        clock.advance(hours=1)
    assert [(row.kind, row.status) for row in world.followups()] == [
        ("detractor_meeting", "open"), ("promoter_thanks", "cancelled"),
    ]  # fmt: skip
    assert [row.status for row in world.outbox("task")] == ["waiting", "superseded"]


def changes(world: World) -> list[dict[str, object]]:
    """What the portal is told about tasks that are there, oldest first."""
    return [Call.from_json(row.call).params["fields"] for row in world.outbox("task_change")]


def test_a_task_that_is_there_follows_the_correction(world: World, clock: HandClock) -> None:
    """It names the score of today, is put off when the answer belongs to another group, and is taken up again."""
    world.human(2)
    with transaction(world.deps.sessions) as session:
        for row in session.query(OutboxRow).filter_by(purpose="task"):
            row.status, row.attempts, row.finished_at = "done", 1, clock.now()
    created(world, world.followups()[0].id)
    for score in (4, 10, 3):
        clock.advance(hours=1)
        world.human(score)
    assert [str(told["TITLE"]) for told in changes(world)] == [
        "Meet ACME: score 4 of 10", "No longer needed: Meet ACME: score 4 of 10", "Meet ACME: score 3 of 10",
    ]  # fmt: skip
    assert [told.get("STATUS") for told in changes(world)] == [None, 6, 2]
    assert "DEADLINE" in changes(world)[2]
    assert {row.lane for row in world.outbox("task_change")} == {f"followup:{world.followups()[0].id}"}


def test_a_finished_task_is_left_as_it_is(world: World, clock: HandClock) -> None:
    world.human(2)
    created(world, world.followups()[0].id)
    followups.on_task_changed(world.deps, world.portal.id, 77, TaskSeen(5))
    for score in (4, 10):
        clock.advance(hours=1)
        world.human(score)
    assert changes(world) == []


def test_a_case_taken_up_again_has_a_task_that_somebody_does(world: World, clock: HandClock) -> None:
    """What was ticked off as not needed is opened again, what was deleted is made anew with its checklist."""
    world.human(2)
    with transaction(world.deps.sessions) as session:
        for row in session.query(OutboxRow).filter_by(purpose="task"):
            row.status, row.attempts, row.finished_at = "done", 1, clock.now()
    created(world, world.followups()[0].id)
    clock.advance(hours=1)
    world.human(10)
    followups.on_task_changed(world.deps, world.portal.id, 77, TaskSeen(5))
    clock.advance(hours=1)
    world.human(3)
    assert (changes(world)[-1]["STATUS"], changes(world)[-1]["TITLE"]) == (2, "Meet ACME: score 3 of 10")
    followups.on_task_changed(world.deps, world.portal.id, 77, None)
    for score in (10, 1):
        clock.advance(hours=1)
        world.human(score)
    (case,) = [row for row in world.followups() if row.kind == "detractor_meeting"]
    anew = [row for row in world.outbox("task") if row.cause_id == case.id][-1]
    assert (case.status, case.task_id, anew.status) == ("open", None, "waiting")
    assert "score 1 of 10" in str(Call.from_json(anew.call).params["fields"]["TITLE"])
    with transaction(world.deps.sessions) as session:
        followups.task_created(session, world.portal.id, case.id, 78, clock.now())
    assert [row.status for row in world.outbox("checklist")] == ["waiting", "waiting"]


def test_a_task_made_while_its_answer_was_corrected_is_called_off_at_once(
    world: World, clock: HandClock
) -> None:
    """The portal had the call already when the correction came."""
    world.human(2)
    with transaction(world.deps.sessions) as session:
        for row in session.query(OutboxRow).filter_by(purpose="task"):
            row.status, row.sent_at = "working", clock.now()
    clock.advance(hours=1)
    world.human(10)
    created(world, world.followups()[0].id)
    assert [(told["TITLE"], told["STATUS"]) for told in changes(world)] == [
        ("No longer needed: Meet ACME: score 2 of 10", 6)
    ]


def test_a_task_that_is_already_made_is_not_made_again(world: World, clock: HandClock) -> None:
    world.human(2)
    with transaction(world.deps.sessions) as session:
        for row in session.query(OutboxRow).filter_by(purpose="task"):
            row.status, row.attempts, row.finished_at = "done", 1, clock.now()
    created(world, world.followups()[0].id)
    for score in (10, 1):
        clock.advance(hours=1)
        world.human(score)
    assert [row.status for row in world.outbox("task")] == ["done", "superseded"]
    assert [(row.kind, row.status, row.task_id) for row in world.followups()] == [
        ("detractor_meeting", "open", 77), ("promoter_thanks", "cancelled", None),
    ]  # fmt: skip


def test_people_of_one_client_who_disagree_are_one_case_more(sessions: Sessions, clock: HandClock) -> None:
    world = make_world(sessions, clock, people=((7, "decides"), (8, "daily"), (9, "other")))
    world.human(10, token=world.tokens[7])
    world.human(3, token=world.tokens[8])
    world.human(2, token=world.tokens[9])
    kinds = [row.kind for row in world.followups()]
    assert sorted(kinds) == ["detractor_meeting", "detractor_meeting", "disagreement", "promoter_thanks"]


def test_nobody_to_own_it_leaves_the_answer_standing(world: World) -> None:
    for user in (HEAD, DIRECTOR, MANAGER):
        world.set(Staff, (world.portal.id, user), active=False)
    assert world.human(2).status == "counted"
    assert world.followups() == []
    assert len(world.outbox("score")) == 4


def test_task_events_move_the_follow_up_and_never_close_it(world: World, clock: HandClock) -> None:
    world.human(2)
    created(world, world.followups()[0].id)

    def told(task: TaskSeen | None) -> str:
        return followups.on_task_changed(world.deps, world.portal.id, 77, task)

    assert told(TaskSeen(3)) == "open"
    later = datetime(2026, 2, 1, 12, tzinfo=UTC)
    assert told(TaskSeen(3, HEAD, later)) == "open"
    row = world.followups()[0]
    assert (row.owner_id, row.deadline, row.task_status) == (HEAD, later, 3)
    assert told(TaskSeen(4)) == "open"
    assert told(TaskSeen(5)) == "task_done"
    assert told(TaskSeen(2)) == "open"
    assert told(None) == "cancelled"
    assert world.followups()[0].facts["deleted"] is True
    assert told(TaskSeen(5)) == "cancelled"


def test_tasks_of_others_and_of_other_portals_are_not_ours(world: World) -> None:
    world.human(2)
    created(world, world.followups()[0].id)
    with transaction(world.deps.sessions) as session:
        assert followups.is_ours(session, world.portal.id, 77)
        assert not followups.is_ours(session, world.portal.id, 78)
        assert not followups.is_ours(session, world.portal.id + 1, 77)
    assert followups.on_task_changed(world.deps, world.portal.id, 78, TaskSeen(5)) == ""
    assert world.rows(FollowUp)[0].status == "open"


@pytest.mark.parametrize("language", ["ru", "ua", "en", "de"])
def test_texts_exist_in_every_portal_language(sessions: Sessions, clock: HandClock, language: str) -> None:
    world = make_world(sessions, clock, people=((7, "decides"), (8, "daily")), language=language)
    world.human(10, token=world.tokens[7])
    world.human(2, token=world.tokens[8])
    titles = [str(task_fields(world, n)["TITLE"]) for n in range(3)]
    assert all("ACME" in title for title in titles)
    cyrillic = any("\u0400" <= c <= "\u04ff" for c in titles[0])
    assert cyrillic == (language in ("ru", "ua"))
