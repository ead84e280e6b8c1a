"""Long work in slices: goes on from its cursor, waits by date, comes again, is given up only for our own faults."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.contextvars import bound_contextvars

from integration.bitrix.errors import AccessLost, Retryable
from integration.logs import request_id
from integration.services import chores, request_log
from integration.services.chore_types import Outcome
from integration.services.deps import Deps, Settings
from integration.store.base import Sessions, reading, transaction
from integration.store.chores import ChoreRow, close_all, ensure, get, hasten, schedule
from integration.store.portals import Portal
from tests.conftest import HandClock, a_portal


class Script:
    """Answers of a chore's function, in order; keeps the cursors it was given."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.cursors: list[dict[str, Any]] = []

    def __call__(self, deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
        self.cursors.append(cursor)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
def deps(sessions: Sessions, clock: HandClock) -> Deps:
    nobody: Any = None
    settings = Settings(public_url="http://molva.example", worker_name="worker-1")
    return Deps(sessions, clock, settings, nobody, nobody, nobody, nobody, nobody)


@pytest.fixture
def run(deps: Deps, portal: Portal, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let a function stand for the chore `setup`, ordered for now; give a look at its row."""

    def order(script: Script, **more: Any) -> Any:
        monkeypatch.setattr(chores, "table", lambda: {"setup": chores.Entry(script)})
        with transaction(deps.sessions) as session:
            schedule(session, portal.id, "setup", deps.clock.now(), **more)
        return lambda: row_of(deps, portal)

    return order


def row_of(deps: Deps, portal: Portal) -> ChoreRow:
    with reading(deps.sessions) as session:
        found = get(session, portal.id, "setup")
    assert found is not None
    return found


def test_a_chore_goes_on_from_its_cursor_and_ends(deps: Deps, run: Any, clock: HandClock) -> None:
    """Slices are separate claims; the cursor is what one leaves to the next."""
    later = clock.now() + timedelta(minutes=1)
    script = Script(Outcome(clock.now(), {"after": 50}), Outcome(later, {"after": 99}), Outcome())
    row = run(script)
    assert chores.run_due(deps)
    assert chores.run_due(deps)
    assert not chores.run_due(deps)
    clock.advance(seconds=60)
    assert chores.run_due(deps)
    assert script.cursors == [{}, {"after": 50}, {"after": 99}]
    assert row().status == "done"


def test_a_periodic_chore_comes_again_without_making_up_for_missed_dates(
    deps: Deps, run: Any, clock: HandClock
) -> None:
    """A week of downtime is followed by one run."""
    row = run(Script(Outcome()), every_seconds=600)
    clock.advance(days=7)
    assert chores.run_due(deps)
    assert row().due_at == clock.now() + timedelta(seconds=600)
    assert not chores.run_due(deps)


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (Retryable("m", "QUERY_LIMIT_EXCEEDED", effect="none", after=7.0), timedelta(seconds=7)),
        (AccessLost("m", "INSUFFICIENT_SCOPE", "scope"), timedelta(hours=1)),
    ],
)
def test_a_portal_that_says_later_is_asked_later_with_the_same_cursor(
    deps: Deps, run: Any, clock: HandClock, error: Exception, wait: timedelta
) -> None:
    """The slice is repeated; what the portal asked for is respected."""
    script = Script(error, Outcome())
    row = run(script, cursor={"after": 5})
    chores.run_due(deps)
    assert (row().due_at, row().status) == (clock.now() + wait, "waiting")
    clock.advance(seconds=wait.total_seconds())
    chores.run_due(deps)
    assert script.cursors == [{"after": 5}, {"after": 5}]
    assert row().status == "done"


def test_a_portal_that_stays_away_is_never_given_up(deps: Deps, run: Any, clock: HandClock) -> None:
    """Pauses grow to an hour and no further."""
    row = run(Script(Retryable("m", "no_connection", effect="none")))
    dates: list[datetime] = []
    for _ in range(30):
        assert chores.run_due(deps)
        dates.append(row().due_at - clock.now())  # type: ignore[arg-type]
        clock.moment = row().due_at
    assert row().status == "waiting"
    assert dates[0] < timedelta(seconds=5)  # type: ignore[operator]
    assert timedelta(minutes=59) < dates[-1] < timedelta(minutes=90)  # type: ignore[operator]


def test_our_own_fault_is_tried_again_and_then_shown_to_people(
    deps: Deps, run: Any, clock: HandClock
) -> None:
    """A chore that fails ten times in a row is buried, not run for ever."""
    row = run(Script(ValueError("fault")))
    for _ in range(chores.ATTEMPTS):
        assert row().status == "waiting"
        chores.run_due(deps)
        clock.advance(hours=2)
    assert row().status == "buried"


def test_a_periodic_chore_survives_our_own_faults(deps: Deps, run: Any, clock: HandClock) -> None:
    """After the last try it simply comes again at its next date."""
    row = run(Script(ValueError("fault")), every_seconds=86_400)
    for _ in range(chores.ATTEMPTS):
        chores.run_due(deps)
        clock.advance(hours=2)
    assert row().status == "waiting"


def test_a_chore_ordered_anew_while_it_runs_is_run_again(deps: Deps, run: Any, portal: Portal) -> None:
    """The order is not lost: the result of the run under way is dropped."""
    row: Any = None

    def reorder(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
        with transaction(deps.sessions) as session:
            schedule(session, portal.id, "setup", deps.clock.now(), cursor={"again": 1})
        return Outcome()

    row = run(reorder)
    chores.run_due(deps)
    assert (row().status, row().cursor) == ("waiting", {"again": 1})


def test_a_dead_workers_chore_is_taken_over(deps: Deps, run: Any, clock: HandClock) -> None:
    """A process killed in a slice leaves the cursor of the last finished one."""
    script = Script(KeyboardInterrupt(), Outcome())
    row = run(script, cursor={"after": 7})
    with pytest.raises(KeyboardInterrupt):
        chores.run_due(deps)
    assert not chores.run_due(deps)
    clock.advance(seconds=chores.LEASE.total_seconds() + 1)
    chores.run_due(deps)
    assert script.cursors == [{"after": 7}, {"after": 7}]
    assert row().status == "done"


def test_ordering_and_closing(deps: Deps, portal: Portal, clock: HandClock) -> None:
    """`ensure` leaves an open chore alone, `hasten` brings it forward, `close_all` ends it, `ensure` reopens it."""
    later = clock.now() + timedelta(days=1)

    def act(do: Any) -> tuple[str, datetime]:
        with transaction(deps.sessions) as session:
            do(session)
        row = row_of(deps, portal)
        return row.status, row.due_at

    def ensured(at: datetime) -> Any:
        return lambda session: ensure(session, portal.id, "setup", clock.now(), at, every_seconds=60)

    assert act(ensured(later)) == ("waiting", later)
    assert act(ensured(clock.now())) == ("waiting", later)
    assert act(lambda session: hasten(session, portal.id, ("setup",), clock.now())) == (
        "waiting",
        clock.now(),
    )
    assert act(lambda session: close_all(session, portal.id, clock.now()))[0] == "done"
    assert act(ensured(later)) == ("waiting", later)


def test_every_chore_has_a_function_and_states() -> None:
    """The table is the one place where chores are named."""
    assert set(chores.table()) >= {
        "setup",
        "first_sync",
        "reconcile",
        "walk",
        "probe",
        "erase",
        "plan_wave",
        "freeze",
    }
    assert all(entry.statuses and callable(entry.run) for entry in chores.table().values())


def test_a_name_may_carry_what_it_is_about(
    deps: Deps, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`freeze:7` is run by the function of `freeze`."""
    script = Script(Outcome())
    monkeypatch.setattr(chores, "table", lambda: {"freeze": chores.Entry(script)})
    with transaction(deps.sessions) as session:
        schedule(session, portal.id, "freeze:7", deps.clock.now(), cursor={"wave": 7})
    assert chores.run_due(deps)
    assert script.cursors == [{"wave": 7}]


def test_no_portal_waits_for_the_long_slice_of_another(
    deps: Deps, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of six is at a slice that ends only when all the others have finished theirs, three slices each."""
    done: Counter[int] = Counter()
    over = threading.Event()
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        others = [a_portal(member_id=f"m{number}", status="active") for number in range(5)]
        session.add_all(others)
        session.flush()
        ids = [one.id for one in others]
        for number in (portal.id, *ids):
            schedule(session, number, "setup", now - timedelta(seconds=number == portal.id))

    def run(_: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
        if portal_id == portal.id:
            assert over.wait(120), "the others stood still"
            return Outcome()
        done[portal_id] += 1
        if done[portal_id] < 3:
            return Outcome(now, {"slice": done[portal_id]})
        if sum(done.values()) == 3 * len(ids):
            over.set()
        return Outcome()

    monkeypatch.setattr(chores, "table", lambda: {"setup": chores.Entry(run)})
    assert chores.run_due(deps)
    assert done == dict.fromkeys(ids, 3)
    assert not chores.run_due(deps)


def test_a_chore_is_done_under_the_name_of_whoever_ordered_it(deps: Deps, run: Any, clock: HandClock) -> None:
    """In logs and requests alike, at every slice, also after a restart; what comes again by itself gets its own."""
    seen: list[tuple[str, str]] = []

    def look(_: Deps, __: int, cursor: dict[str, Any]) -> Outcome:
        seen.append((request_id(), request_log.caller().request_id))
        return Outcome(deps.clock.now() + timedelta(seconds=1), {"n": 1}) if not cursor else Outcome()

    script: Any = look
    with bound_contextvars(request="click-1"):
        run(script)
    while chores.run_due(deps):
        clock.advance(seconds=1)
    assert seen == [("click-1", "click-1")] * 2
    seen.clear()
    with bound_contextvars(request="click-2"):
        run(script, every_seconds=60)
    while chores.run_due(deps):
        clock.advance(seconds=1)
    names = {name for name, _ in seen}
    assert all(name.startswith("chores-") and name == of_request for name, of_request in seen)
    assert len(names) == len(seen) == 2
    assert (request_id(), request_log.caller().request_id) == ("", "")
