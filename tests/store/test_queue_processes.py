"""Several real processes share one queue: every job is done once, no lane runs out of order or in parallel."""

from __future__ import annotations

import itertools
import multiprocessing
import time
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import func, select

from integration.store.base import make_engine, make_sessions, transaction
from integration.store.chores import ChoreRow
from integration.store.queue import claim, done, put_once, retry
from tests.conftest import a_portal

JOBS, LANES, WORKERS = 150, 15, 3
PATIENCE = 200.0  # seconds of real time, on a machine that has other things to do
#: Whoever is slower than that loses the row to somebody else, who does it instead.
LEASE = timedelta(seconds=1)


def _work(url: str, name: str, deadline: float, meeting: Barrier) -> None:
    """A worker: claims five, now and then leaves a batch lying or puts a row back, finishes the rest. All begin
    together, and nobody goes on before everybody has finished something."""
    sessions = make_sessions(make_engine(url))
    rounds, shared = 0, False
    meeting.wait(PATIENCE)
    while time.monotonic() < deadline:
        now = datetime.now(UTC)
        with transaction(sessions) as session:
            rows = claim(session, ChoreRow, now=now, owner=name, lease=LEASE, limit=5)
            left = session.scalar(select(func.count()).where(ChoreRow.status.in_(("waiting", "working"))))
        if not left:
            return
        rounds += 1
        if not rows or rounds % 7 == 3:  # a batch that is abandoned comes back when its lease is over
            time.sleep(0.03)
            continue
        for row in rows:
            started = time.time_ns()
            with transaction(sessions) as session:
                if rounds % 5 == 1 and row.attempts == 1:
                    retry(session, row, now, datetime.now(UTC))
                    continue
                shown = {"by": name, "start": started, "end": time.time_ns()}
                mine = done(session, row, now, cursor=shown)
            if mine and not shared:
                shared = True
                meeting.wait(PATIENCE)


@pytest.mark.slow
def test_each_job_is_done_once_and_in_the_order_of_its_lane(engine, sessions) -> None:
    with transaction(sessions) as session:
        portal = a_portal()
        session.add(portal)
        session.flush()
        for number in range(JOBS):
            put_once(session, ChoreRow, portal_id=portal.id, lane=f"lane-{number % LANES}", now=datetime.now(UTC),
                     name=f"job-{number}", cursor={}, conflict=("portal_id", "name"))  # fmt: skip
    url = engine.url.render_as_string(hide_password=False)
    context = multiprocessing.get_context("spawn")
    deadline = time.monotonic() + PATIENCE
    meeting = context.Barrier(WORKERS)
    crew = [context.Process(target=_work, args=(url, f"w{n}", deadline, meeting)) for n in range(WORKERS)]
    for process in crew:
        process.start()
    for process in crew:
        process.join(PATIENCE)
    assert [process.exitcode for process in crew] == [0] * WORKERS
    with transaction(sessions) as session:
        rows = session.scalars(select(ChoreRow).order_by(ChoreRow.id)).all()
    assert {row.status for row in rows} == {"done"}
    assert len({row.cursor["by"] for row in rows}) == WORKERS, "the work was shared"
    for lane in range(LANES):
        spans = [(row.cursor["start"], row.cursor["end"]) for row in rows if row.lane == f"lane-{lane}"]
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
