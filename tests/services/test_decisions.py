"""What needs a person today: found, in order, and only for those who may settle it (product.md P1, W2, F4)."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import delete

from integration.nps.people import ClientKey
from integration.services import main_page, rehearsals, wave_acts, wave_page, waves
from integration.services.decisions import Todo
from integration.services.first_run import STEPS, FirstRun
from integration.services.wave_page import Filter
from integration.services.waves_errors import WaveError
from integration.store.base import Sessions, transaction
from integration.store.chores import ChoreRow
from integration.store.clients import Deal
from integration.store.followups import FollowUp
from integration.store.portals import Portal
from integration.store.responses import Response, ResponseRevision
from integration.store.waves import Wave, WaveClient, WaveEvent
from tests.conftest import HandClock, a_portal
from tests.services.report_world import (
    Client,
    Told,
    beat,
    busy,
    follow_up,
    hire,
    rehearsed,
    scores,
    stuck,
    tell,
    viewer,
)
from tests.services.wave_world import DIRECTOR, HEAD, MANAGER, World, make_world


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    made = make_world(sessions, clock)
    beat(made)
    return made


def todo(world: World, user_id: int = HEAD, *, administrator: bool = False) -> Todo:
    return main_page.read(world.deps, viewer(world, user_id, administrator=administrator)).todo


def kinds(world: World, user_id: int = HEAD) -> list[str]:
    return [one.kind for one in todo(world, user_id).decisions]


def test_a_quiet_portal_needs_nobody(world: World) -> None:
    found = todo(world)
    assert (found.decisions, found.tasks, found.overdue, found.due) == ((), (), 0, 0)


def test_what_keeps_the_machine_from_working_is_named_the_worst_first(world: World) -> None:
    stuck(world, letters=["unknown", "buried", "buried", "done", "waiting"], calls=3)
    world.set(Portal, world.portal_id, problem="setup:ONTASKADD:denied")
    world.policy(senders=[], default_sender="", head_sender="")
    world.post.ready = False
    world.clock.advance(minutes=4)
    found = todo(world).decisions
    assert [(one.kind, one.count) for one in found] == [
        ("worker", 0), ("letters_unknown", 1), ("setup", 0), ("letters_buried", 2), ("calls_buried", 3),
        ("no_sender", 0), ("no_mail", 0),
    ]  # fmt: skip
    assert [one.kind for one in found if one.settings] == [
        "letters_unknown", "setup", "letters_buried", "calls_buried", "no_sender",
    ]  # fmt: skip
    assert kinds(world, DIRECTOR) == kinds(world, MANAGER) == []


def test_a_draft_asks_to_be_looked_through_then_approved_then_no_more(world: World) -> None:
    world.client(2)
    wave_id = world.planned()
    beat(world)
    assert kinds(world) == ["rehearse"]
    waves.freeze(world.deps, world.portal_id, wave_id)
    assert kinds(world) == ["rehearse"], "nobody has looked at the letters yet"
    told = Told(wave_id)
    world.set(Wave, wave_id, stage="rehearsed")
    rehearsed(world, told, "no_sender, nobody_to_ask")
    found = todo(world).decisions
    assert [(one.kind, one.count, one.wave_id) for one in found] == [("rehearsal_errors", 2, wave_id)]
    assert found[0].params["announce"] == date(2026, 2, 16)
    waves.rehearse(world.deps, world.portal_id, wave_id, "Пётр Сом")
    assert kinds(world) == ["approve"]
    waves.approve(world.deps, world.portal_id, wave_id, "Пётр Сом")
    assert kinds(world) == []
    waves.pause(world.deps, world.portal_id, wave_id, "Пётр Сом")
    assert kinds(world) == ["paused"]


def test_the_nearer_the_announcement_the_louder(world: World) -> None:
    wave_id = world.planned()
    assert todo(world).decisions[-1].tone == "info"
    world.clock.moment = world.clock.moment.replace(month=2, day=14)
    beat(world)
    assert todo(world).decisions[-1].tone == "warn"
    world.clock.moment = world.clock.moment.replace(month=3, day=4)
    beat(world)
    assert kinds(world) == ["plan_is_past"]
    with transaction(world.deps.sessions) as session:
        session.add(ChoreRow(portal_id=world.portal_id, lane="f", name=f"freeze:{wave_id}", status="buried",
                             due_at=world.clock.now(), created_at=world.clock.now()))  # fmt: skip
    world.clock.moment = world.clock.moment.replace(month=2, day=1)
    beat(world)
    assert kinds(world) == ["making_failed"]


def test_a_wave_s_owner_decides_about_it_without_seeing_the_clients_of_others(world: World) -> None:
    world.policy(wave_owner=MANAGER)
    told = tell(world, "2026", [Client(1, (("", 9),), held=True, manager=99)])
    follow_up(world, told, 1, days=-1)
    assert kinds(world, MANAGER) == ["held"]
    assert todo(world, MANAGER).tasks == ()


def test_follow_ups_are_told_with_client_words_score_and_owner_the_oldest_first(world: World) -> None:
    """Where the task is finished nobody is late: the client's word is waited for (F5)."""
    told = tell(world, "2026", scores([3, 7, 10, 5, 0, 2]))
    follow_up(world, told, 1, days=2, score=3)
    follow_up(world, told, 2, days=-3, score=7, owner=MANAGER, kind="passive_call", comment="Долго")
    follow_up(world, told, 3, days=30)
    follow_up(world, told, 4, days=-9, status="closed")
    follow_up(world, told, 5, days=-5, task=None, owner=404)
    follow_up(world, told, 6, days=-6, status="task_done")
    found = todo(world)
    assert (found.overdue, found.due, found.more) == (2, 1, 0)
    late, later, soon = found.tasks
    assert (late.client, late.owner, late.task_id, late.overdue) == ("Клиент 5", "", None, True)
    assert (later.score, later.group, later.comment, later.owner) == (7, "passive", "Долго", "Иван Петров")
    assert (later.task_id, later.critical, later.mine) == (902, True, False)
    assert (soon.overdue, soon.group, soon.person) == (False, "detractor", "Анна Коваль-1")


def test_a_corrected_answer_stands_in_the_list_as_it_is_now(world: World) -> None:
    """What the follow-up was opened with stays where there is no counted answer to look at."""
    told = tell(
        world, "2026", [Client(1, (("", 3),)), Client(2, (("", 3),), held=True), Client(3, (("", 3),))]
    )
    for client in (1, 2, 3):
        row = follow_up(world, told, client, days=client, score=3, comment="Долго")
        world.set(FollowUp, row, response_id=told.responses[client][0] if client < 3 else None)
        world.set(Response, told.responses[client][0], score=8, comment="Уже лучше")
    assert [(task.score, task.group, task.comment) for task in todo(world).tasks] == [
        (8, "passive", "Уже лучше"), (3, "detractor", "Долго"), (3, "detractor", "Долго"),
    ]  # fmt: skip


@pytest.mark.parametrize("over", ["finished", "done", "approved"])
def test_the_first_steps_are_named_until_they_are_over(world: World, over: str) -> None:
    def run() -> FirstRun | None:
        return main_page.read(world.deps, viewer(world)).first_run

    world.set(Portal, world.portal_id, first_run={"senders": "done", "clients": "skipped"})
    tell(world, "2024", scores([9]), stage="closed", start=date(2024, 1, 8), origin="import")
    found = run()
    assert found is not None
    assert (found.at, found.done) == ("calendar", 1)
    if over == "finished":
        world.set(Portal, world.portal_id, first_run_at=world.clock.now())
    elif over == "done":
        world.set(Portal, world.portal_id, first_run=dict.fromkeys(STEPS, "done"))
    else:
        tell(world, "2026", [], stage="announced")
    assert run() is None


def test_follow_ups_are_shown_to_those_who_see_the_client_and_to_their_owner(world: World) -> None:
    told = tell(world, "2026", [
        Client(1, manager=MANAGER), Client(2, manager=77), Client(3, manager=77, city="Тверь"),
    ])  # fmt: skip
    hire(world, 55)
    world.policy(director_by_city={"ТВЕРЬ": 55})
    for client in (1, 2, 3):
        follow_up(world, told, client, days=-1, owner=MANAGER if client == 2 else 404)

    def seen(user_id: int) -> list[int]:
        return [task.client_id for task in todo(world, user_id).tasks]

    assert seen(HEAD) == [1, 2, 3]
    assert seen(MANAGER) == [1, 2]  # an own client, and an own task
    assert seen(DIRECTOR) == [1]  # heads the department MANAGER is in
    assert seen(55) == [3]
    assert seen(99) == []


def test_no_more_follow_ups_are_listed_than_a_person_reads_and_the_rest_is_counted(world: World) -> None:
    told = tell(world, "2026", scores([0] * 20))
    for client in range(1, 21):
        follow_up(world, told, client, days=-client)
    found = todo(world)
    assert (len(found.tasks), found.overdue, found.more) == (8, 20, 12)
    assert found.tasks[0].client_id == 20


def outsider(world: World, sessions: Sessions) -> World:
    with transaction(sessions) as session:
        other = a_portal(member_id="other")
        session.add(other)
        session.flush()
    return World(world.deps, world.clock, other.id, world.contacts, world.post)


def test_an_administrator_of_another_portal_sees_and_changes_nothing(
    world: World, sessions: Sessions
) -> None:
    _, told = busy(world)
    stranger = viewer(outsider(world, sessions), administrator=True)
    page = main_page.read(world.deps, stranger)
    assert (page.overview.wave, page.overview.figures, page.overview.history) == (None, None, ())
    assert page.todo.tasks == ()
    assert {one.kind for one in page.todo.decisions} <= {"no_sender", "no_mail"}
    assert wave_page.read(world.deps, stranger, told.wave) is None
    for verb in ("approve", "rehearse", "pause", "cancel", "exclude", "confirm", "reject"):
        form = {"why": "x", "lines": list(told.lines.values())[:3], "response": told.responses[71][0]}
        with pytest.raises(LookupError):
            wave_acts.act(world.deps, stranger, told.wave, verb, form)
    assert world.wave().stage == "reminders"
    assert world.events() == []


@pytest.mark.parametrize("user_id", [DIRECTOR, MANAGER, 404])
@pytest.mark.parametrize(
    "verb", ["approve", "rehearse", "pause", "resume", "cancel", "exclude", "confirm", "xx"]
)
def test_only_head_administrators_and_the_owner_decide(world: World, user_id: int, verb: str) -> None:
    told = tell(world, "2026", scores([9]))
    with pytest.raises(PermissionError):
        wave_acts.act(
            world.deps, viewer(world, user_id), told.wave, verb, {"why": "x", "lines": [told.lines[1]]}
        )
    assert world.events() == []


def test_a_director_reads_the_wave_of_the_own_clients_and_nothing_of_how_it_is_run(world: World) -> None:
    told = tell(
        world, "2026", [Client(1, (("", 3),)), Client(2, (("", 9),), manager=99), Client(3, held=True)]
    )
    page = wave_page.read(world.deps, viewer(world, DIRECTOR), told.wave)
    assert page is not None
    assert [line.row.client_id for line in page.lines] == [1, 3]
    assert [person.score for line in page.lines for person, _ in line.people] == [3, None]
    assert (page.may_run, page.held, page.events, page.rehearsal) == (False, (), (), None)
    assert page.standing == {"": 2}


def test_the_owner_sees_everybody_s_standing_but_scores_of_own_clients_only(world: World) -> None:
    world.policy(wave_owner=MANAGER)
    told = tell(world, "2026", [Client(1, (("", 3),)), Client(2, (("", 9),), manager=99)])
    page = wave_page.read(world.deps, viewer(world, MANAGER), told.wave)
    assert page is not None
    assert [(line.row.client_id, line.seen) for line in page.lines] == [(1, True), (2, False)]


def test_a_list_is_paged_and_filtered(world: World) -> None:
    clients = [
        *scores([9] * 60), *scores([None] * 5, 100), Client(200, reason="too_new"), Client(201, reason="on_hold"),
    ]  # fmt: skip
    told = tell(world, "2026", clients)

    def look(standing: str = "", page: int = 1) -> tuple[int, int, int]:
        found = wave_page.read(world.deps, viewer(world), told.wave, Filter(standing=standing, page=page))
        assert found is not None
        return found.found, len(found.lines), found.page

    assert look() == (67, 50, 1)
    assert look(page=2) == (67, 17, 2)
    assert look(page=99) == (67, 17, 2)
    assert look("asked") == (65, 50, 1)
    assert look("answered", 2) == (60, 10, 2)
    assert look("open") == (5, 5, 1)
    assert look("other") == (0, 0, 1)
    assert look("too_new") == (1, 1, 1)
    assert look("nonsense") == (67, 50, 1)


def test_making_rehearsing_and_approving_from_the_page(world: World) -> None:
    """The list is ordered from the worker; its page then shows the rehearsal; approving keeps who and when."""
    world.client(2)
    wave_id, me = world.planned(), viewer(world)
    with pytest.raises(WaveError, match="wrong_stage"):
        wave_acts.act(world.deps, me, wave_id, "approve", {})
    assert wave_acts.act(world.deps, me, wave_id, "rehearse", {}) == "ordered"
    chore = next(row for row in world.rows(ChoreRow) if row.name == f"rehearse:{wave_id}")
    waves.freeze(world.deps, world.portal_id, wave_id, steps=1)
    page = wave_page.read(world.deps, me, wave_id)
    assert page is not None
    assert page.making is not None
    assert (page.making.failed, page.rehearsal, page.lines) == (False, None, ())
    while rehearsals.run(world.deps, world.portal_id, chore.cursor).due_at is not None:
        pass
    with transaction(world.deps.sessions) as session:
        session.execute(delete(ChoreRow))
    page = wave_page.read(world.deps, me, wave_id)
    assert page is not None
    assert page.making is None
    assert page.rehearsal is not None
    assert (page.rehearsal.errors, page.rehearsal.refusal, page.funnel.people) == (0, "", 1)
    assert wave_acts.act(world.deps, me, wave_id, "approve", {}) == "approved"
    assert world.wave().approved_by == f"Пётр Сом ({HEAD})"
    with pytest.raises(WaveError, match="already_approved"):
        wave_acts.act(world.deps, me, wave_id, "approve", {})
    with pytest.raises(WaveError, match="wrong_stage"):
        wave_acts.act(world.deps, me, wave_id, "rehearse", {})


def test_pausing_cancelling_and_excluding_keep_who_and_why(world: World) -> None:
    for number in (2, 3):
        world.client(number)
    wave_id, me = world.approved(), viewer(world)
    assert wave_acts.act(world.deps, me, wave_id, "pause", {"why": "авария"}) == "paused"
    assert wave_acts.act(world.deps, me, wave_id, "resume", {}) == "resumed"
    line = world.lines()[("company", 2)].id
    for form, code in (({"lines": [line]}, "no_reason"), ({"why": "спор"}, "nobody_chosen")):
        with pytest.raises(WaveError, match=code):
            wave_acts.act(world.deps, me, wave_id, "exclude", form)
    out = {"lines": [line, 10**6], "why": "спор"}
    assert wave_acts.act(world.deps, me, wave_id, "exclude", out) == "excluded"
    assert wave_acts.act(world.deps, me, wave_id, "exclude", out) == "nothing"
    assert world.lines()[("company", 2)].reason_detail == f"Пётр Сом ({HEAD}): спор"
    with pytest.raises(WaveError, match="no_reason"):
        wave_acts.act(world.deps, me, wave_id, "cancel", {"why": "  "})
    assert wave_acts.act(world.deps, me, wave_id, "cancel", {"why": "не время"}) == "cancelled"
    trail = [(row.what, row.who, row.detail) for row in world.rows(WaveEvent)][-4:]
    me_written = f"Пётр Сом ({HEAD})"
    assert trail == [
        ("paused", me_written, "авария"), ("resumed", me_written, "after 0 days"),
        ("excluded", me_written, "company:2: спор"), ("cancelled", me_written, "не время"),
    ]  # fmt: skip
    assert wave_acts.act(world.deps, me, wave_id, "whatever", {}) == "nothing"


def test_a_held_answer_is_judged_once_and_never_by_the_client_s_own_manager(world: World) -> None:
    world.policy(wave_owner=MANAGER)
    clients = [Client(n, (("", 9),), held=True, manager=MANAGER if n == 2 else 99) for n in (1, 2, 3)]
    told = tell(world, "2026", clients)

    def judge(user_id: int, verb: str, client: int, seen: int = 1) -> str:
        form = {"response": told.responses[client][0], "seen": seen}
        return wave_acts.act(world.deps, viewer(world, user_id), told.wave, verb, form)

    for verb in ("confirm", "reject"):
        with pytest.raises(WaveError, match="own_client"):
            judge(MANAGER, verb, 2)
    assert judge(HEAD, "confirm", 2) == "confirmed"
    with pytest.raises(WaveError, match="changed_meanwhile"):
        judge(HEAD, "confirm", 1, seen=7)
    assert judge(HEAD, "reject", 1) == "rejected"
    for client in (1, 2):
        with pytest.raises(WaveError, match="not_held"):
            judge(HEAD, "confirm", client)
    statuses = {row.invitation_id: row.status for row in world.rows(Response)}
    assert [statuses[told.invitations[n][0]] for n in (1, 2, 3)] == ["rejected", "counted", "held"]
    assert {row.author for row in world.rows(ResponseRevision)} == {f"Пётр Сом ({HEAD})"}
    assert {row.kind for row in world.rows(FollowUp)} == {"promoter_thanks"}
    assert ClientKey("company", 2) in {
        ClientKey(row.client_kind, row.client_id) for row in world.rows(FollowUp)
    }


def test_whoever_serves_the_client_by_a_deal_or_does_not_see_it_judges_nothing(world: World) -> None:
    """Not even the head of the agency, and not the survey's owner about clients of others (product.md P2, W10)."""
    world.policy(wave_owner=MANAGER)
    told = tell(world, "2026", [Client(1, (("", 9),), held=True, manager=99)])
    with transaction(world.deps.sessions) as session:
        session.add(
            Deal(portal_id=world.portal_id, id=901, title="Support", company_id=1, client_kind="company",
                 client_id=1, assigned_by=HEAD, semantics="P")
        )  # fmt: skip
    form = {"response": told.responses[1][0], "seen": 1}
    for verb in ("confirm", "reject"):
        with pytest.raises(WaveError, match="own_client"):
            wave_acts.act(world.deps, viewer(world, HEAD), told.wave, verb, form)
        with pytest.raises(PermissionError):
            wave_acts.act(world.deps, viewer(world, MANAGER), told.wave, verb, form)
    assert {row.status for row in world.rows(Response)} == {"held"}


def test_a_held_answer_of_another_wave_is_not_judged_here(world: World) -> None:
    first = tell(world, "2025", [Client(1, (("", 9),), held=True)], start=date(2025, 1, 6))
    second = tell(world, "2026", [Client(1, (("", 9),), held=True)])
    with pytest.raises(WaveError, match="not_held"):
        wave_acts.act(world.deps, viewer(world), second.wave, "confirm", {"response": first.responses[1][0]})
    assert world.rows(WaveClient)
