"""Every request is in the log and nothing secret is; the log neither fails nor delays one (product.md T3, T6)."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from structlog.contextvars import bound_contextvars

from integration.adapters import OAuthServers, PooledRest, reporter
from integration.bitrix import calls
from integration.bitrix.oauth import OAuthClient
from integration.bitrix.report import Inner, Report
from integration.services import frames, request_log, request_pages, upkeep
from integration.services.access import PortalRest
from integration.services.frames import FrameRefused
from integration.services.request_log import FULL, Recorder
from integration.services.request_pages import Filter
from integration.store import inbox as inbox_rows
from integration.store.base import Sessions, make_engine, make_sessions, reading, transaction
from integration.store.inbox import InboxRow
from integration.store.portals import Portal
from integration.store.requests import RequestRow
from tests.conftest import START, HandClock, a_portal
from tests.services.portal_world import World, on_sqlite, world

PLAIN = Report("profile", 0.25, 200, "", {"profile": 1.5}, 60, 400, finished=START.timestamp() + 90)


@pytest.fixture
def recorder(sessions: Sessions, clock: HandClock, portal: Portal) -> Recorder:
    """Writes only when told to."""
    return Recorder(sessions, clock, every=0)


def lines(sessions: Sessions) -> list[RequestRow]:
    with reading(sessions) as session:
        return list(session.scalars(select(RequestRow).order_by(RequestRow.id)))


def watched(place: World) -> Recorder:
    """Both the portal's and the authorisation server's requests leave lines."""
    made = Recorder(place.deps.sessions, place.clock, every=0)
    place.deps = replace(
        place.deps, rest=PooledRest(allow_http=True, observer=reporter, record=made.observe),
        oauth=OAuthServers(OAuthClient((place.box.oauth_url,), allow_http=True, observer=made.observe)),
    )  # fmt: skip
    return made


def test_every_request_is_in_the_log_and_nothing_secret_is(sessions: Sessions) -> None:
    """Installation, set-up, synchronisation, proofs with people's tokens, renewals: as many lines as requests."""
    with world(sessions) as place:
        recorder = watched(place)
        place.ready()
        place.act(1, "crm.item.update", entityTypeId=2, id=1, fields={"title": "A secret title"})
        place.settle()
        request_log.called("click", "r-1")
        frames.open_frame(place.deps, place.opened(1))
        forged = replace(place.opened(1).grant, access_token="x" * 40)
        with pytest.raises(FrameRefused):
            frames.open_frame(place.deps, replace(place.opened(1), grant=forged))
        request_log.called()
        old = place.row()
        place.clock.advance(3700)  # the key runs out and is renewed
        PortalRest(place.deps, place.portal_id).call(calls.server_time())
        recorder.flush()
        found, counted, new = lines(sessions), place.counters(), place.row()
    assert {one.portal_id for one in found} == {place.portal_id}
    asked = [one.method for one in found]
    assert [sum(name.startswith("oauth.") is of for name in asked) for of in (True, False)] == [
        counted["oauth"], counted["http"],
    ]  # fmt: skip
    assert {"oauth.token", "oauth.app.info", "profile", "batch", "server.time"} <= set(asked)
    sync = [one for one in found if "crm.item.list" in one.inner]
    assert sync
    assert all(
        one.operating is not None and one.status == 200 and one.received > one.sent > 0 for one in sync
    )
    inside = [sum(told[0] for told in one.inner.values()) or 1 for one in found if not one.code]
    assert sum(inside) - counted["oauth"] + 1 == counted["calls"]  # one proof was refused
    clicks = [(one.method, bool(one.code)) for one in found if one.by == "click"]
    assert clicks == [("oauth.app.info", False), ("profile", False), ("oauth.app.info", True)]
    named = {one.request_id for one in found}
    assert named >= {"", "r-1"}, "outside of any work, and a click"
    assert all(re.match(r"(chores|inbox|outbox)-\d", name) for name in named - {"", "r-1"})
    everything = repr([[getattr(one, c.name) for c in RequestRow.__table__.columns] for one in found])
    for secret in (old.access_token, old.refresh_token, new.access_token, new.application_token, "x" * 40, "Vega",
                   "Sokol", "A secret title", "/rest", "127.0.0.1"):  # fmt: skip
        assert secret
        assert secret not in everything


def test_a_line_says_what_happened_in_what_both_databases_take(
    recorder: Recorder, sessions: Sessions, portal: Portal, clock: HandClock
) -> None:
    """Codes are a portal's text and numbers may be none: whatever comes is stored, shortened, and nothing fails."""
    inner = {"crm.item.update": Inner(40, 2, 60.5, 4.0, "ACCESS_DENIED"), "tasks.task.add": Inner(1)}
    told = {"crm.item.update": 402.5, "x": float("nan"), "y": float("inf")}
    recorder.observe(Report("batch", 21.5, 200, "", told, 9_000, 70_000, inner, 1e308), portal.id)
    recorder.observe(Report("m" * 300, 0.1, 0, "\x00\ud800" + "c" * 300, {}), portal.id)
    recorder.observe(PLAIN, None, "PORTAL.example".lower())
    with request_log.about(
        host="nobody.\x00\ud800example" + "x" * 300
    ):  # as an event without proof claims it
        recorder.observe(PLAIN)
    with request_log.about(portal.id):
        recorder.observe(PLAIN)
    recorder.observe(PLAIN, portal.id + 7)  # a portal that was erased meanwhile: nothing of it is kept
    recorder.flush()
    batch, odd, by_host, stranger, inside = lines(sessions)
    assert (batch.at, batch.seconds, batch.operating) == (clock.now() - timedelta(seconds=21.5), 21.5, 402.5)
    assert batch.inner == {"crm.item.update": [40, 2, 60.5, 4.0], "tasks.task.add": [1, 0, 0.0, 0.0]}
    assert (batch.code, batch.failed, batch.sent, batch.received) == ("ACCESS_DENIED", 2, 9_000, 70_000)
    assert (batch.skew, batch.by, batch.request_id) == (None, "background", "")
    assert (odd.method, odd.code) == ("m" * 100, "c" * 100)
    assert (by_host.portal_id, stranger.portal_id, inside.portal_id) == (portal.id, None, portal.id)
    assert by_host.skew == pytest.approx(90)


def test_a_portal_s_log_is_shown_to_that_portal_alone(
    recorder: Recorder, sessions: Sessions, portal: Portal, deps: Any
) -> None:
    """Lines, figures, clocks and the file; and its end is theirs."""
    with transaction(sessions) as session:
        other = a_portal(member_id="other", domain="other.example")
        session.add(other)
        session.flush()
        number = other.id
    recorder.observe(PLAIN, portal.id)
    recorder.flush()
    assert len(request_pages.listing(deps, portal.id, Filter()).entries) == 1
    assert request_pages.listing(deps, number, Filter()).entries == ()
    assert (request_pages.summary(deps, portal.id).count, request_pages.summary(deps, number).count) == (1, 0)
    assert len("".join(request_pages.export(deps, number, Filter())).splitlines()) == 1
    deps.clock.advance(days=30)
    assert not request_log.prune(deps, number)
    assert len(lines(sessions)) == 1


@pytest.fixture
def deps(sessions: Sessions, clock: HandClock) -> Any:
    from integration.services.deps import Deps, Settings

    nobody: Any = None
    return Deps(
        sessions=sessions, clock=clock, settings=Settings(public_url="http://molva.example"), rest=nobody,
        oauth=nobody, mailer=nobody, signer=nobody, dice=nobody,
    )  # fmt: skip


def test_old_lines_go_in_small_steps_and_three_days_always_stay(
    deps: Any, portal: Portal, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven days as a rule; a crowded log keeps three days, a flooded one as many lines as it may have."""

    def put(many: int, **ago: float) -> None:
        at = deps.clock.now() - timedelta(**ago)
        with transaction(sessions) as session:
            for who in (portal.id, None):
                session.add_all(
                    RequestRow(
                        portal_id=who, at=at, method="m", seconds=0.1, status=200, by="click", inner={}
                    )
                    for _ in range(many)
                )

    def left() -> tuple[int, int]:
        found = lines(sessions)
        return sum(one.portal_id is not None for one in found), sum(one.portal_id is None for one in found)

    monkeypatch.setattr(request_log, "CHUNK", 2)
    monkeypatch.setattr(request_log, "CHUNKS", 2)
    put(5, days=8)
    put(3, days=5)
    put(4, days=1)
    assert (
        upkeep.prune(deps, portal.id, {}).due_at == deps.clock.now()
    )  # more to drop: it comes again at once
    assert left() == (8, 8)
    while request_log.prune(deps, portal.id):
        pass
    assert left() == (7, 4)  # of strangers three days are enough
    monkeypatch.setattr(request_log, "MOST", 2)
    assert not request_log.prune(deps, portal.id) or not request_log.prune(deps, portal.id)
    assert left() == (4, 4)
    monkeypatch.setattr(request_log, "CEILING", 3)
    put(2, hours=1)
    while request_log.prune(deps, portal.id):
        pass
    assert left()[0] == 2  # those of one moment go together: fewer, never more


class Broken:
    """A database that cannot be written."""

    def __call__(self) -> Any:
        raise OSError("disk full")


def test_what_cannot_be_written_waits_up_to_a_limit_and_disturbs_nobody(
    sessions: Sessions, portal: Portal, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later everything that was kept is written, in order; a fault in the log itself is no fault of the request."""
    monkeypatch.setattr(request_log, "WAITING", 50)
    recorder = Recorder(Broken(), clock, every=0)  # type: ignore[arg-type]
    for number in range(60):
        recorder.observe(replace(PLAIN, sent=number), portal.id)
    recorder.flush()
    recorder.observe(replace(PLAIN, sent=-1), portal.id)
    recorder.flush()
    recorder._sessions = sessions
    recorder.flush()
    kept = [one.sent for one in lines(sessions)]
    assert kept == [*range(11, 60), -1]
    monkeypatch.setattr(request_log, "_line", lambda *_: 1 / 0)
    recorder.observe(PLAIN, portal.id)
    recorder.flush()
    assert len(lines(sessions)) == len(kept)


@pytest.fixture
def one_engine(sqlite_url: str) -> Iterator[Engine]:
    engine = make_engine(sqlite_url)
    yield engine
    engine.dispose()


def until(what: Any, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_a_request_does_not_wait_for_the_log(one_engine: Engine, clock: HandClock) -> None:
    """While somebody else holds SQLite's only write lock, a hundred requests go on; the lines follow by themselves."""
    sessions = make_sessions(one_engine)
    with transaction(sessions) as session:
        row = a_portal()
        session.add(row)
    recorder = Recorder(sessions, clock, every=0.01)
    with transaction(sessions) as holder:
        holder.connection()  # a transaction begins with its first statement
        asking = threading.Thread(target=lambda: [recorder.observe(PLAIN, row.id) for _ in range(FULL)])
        asking.start()
        asking.join(20)
        assert not asking.is_alive(), "they wait for the lock"
        assert lines(sessions) == []
    until(lambda: len(lines(sessions)) == FULL)
    recorder.observe(PLAIN, row.id)  # fewer than a hundred are written when their time has come
    until(lambda: len(lines(sessions)) == FULL + 1)
    recorder.close()
    assert "requests" not in [one.name for one in threading.enumerate() if not one.is_alive()]


ENDING = """
import sys
from datetime import UTC, datetime
from integration.bitrix.report import Report
from integration.clock import SystemClock
from integration.services.request_log import Recorder
from integration.store.base import make_engine, make_sessions
recorder = Recorder(make_sessions(make_engine(sys.argv[1])), SystemClock())
for _ in range(5):
    recorder.observe(Report("profile", 0.1, 200, "", {}))
"""


def test_a_process_that_ends_writes_its_last_lines(
    sqlite_url: str, one_engine: Engine, tmp_path: Path
) -> None:
    """A deployment loses nothing; only a kill takes the last second with it."""
    subprocess.run([sys.executable, "-c", ENDING, sqlite_url], check=True, timeout=200, cwd=tmp_path)
    assert len(lines(make_sessions(one_engine))) == 5


def test_pages_follow_each_other_without_gaps_at_moments_that_many_share(
    deps: Any, portal: Portal, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older and newer pages meet exactly; filters hold on each of them."""
    monkeypatch.setattr(request_pages, "PAGE", 3)
    at = deps.clock.now()
    with transaction(sessions) as session:
        for number in range(10):
            inner = {"tasks.task.add": [2, 0, 1.0, 0.5]} if number % 5 == 0 else {}
            session.add(RequestRow(
                portal_id=portal.id, at=at - timedelta(seconds=number // 4), method="batch" if inner else "profile",
                inner=inner, seconds=float(number), status=200, code="X" if number % 2 else "", by="click",
            ))  # fmt: skip
    forward, place = [], None
    while True:
        page = request_pages.listing(deps, portal.id, Filter(), place)
        forward += [one.id for one in page.entries]
        place = page.older
        if place is None:
            break
    assert len(forward) == len(set(forward)) == 10
    assert (
        forward == [one.id for one in request_pages.listing(deps, portal.id, Filter()).entries] + forward[3:]
    )
    back = list(page.entries)
    while page.newer is not None:
        page = request_pages.listing(deps, portal.id, Filter(), newer=page.newer)
        back = [*page.entries, *back]
    assert [one.id for one in back] == forward

    def count(**wanted: Any) -> int:
        monkeypatch.setattr(request_pages, "PAGE", 50)
        return len(request_pages.listing(deps, portal.id, Filter(**wanted)).entries)

    assert count(errors=True) == 5
    assert count(slower=7.0) == 3
    assert (count(method="tasks.task.add"), count(method="tasks.task"), count(method="batch")) == (2, 0, 2)
    assert (count(since=at), count(until=at), count(method="%")) == (4, 6, 0)


def test_the_day_in_figures(deps: Any, portal: Portal, recorder: Recorder, clock: HandClock) -> None:
    """Alone a method counts by our watch, inside a batch by the portal's; a batch that failed whole is one refusal."""
    now: datetime = clock.now()
    for seconds in (1.0, 2.0, 9.0):
        recorder.observe(Report("crm.item.get", seconds, 200, "", {}), portal.id)
    recorder.observe(Report("crm.item.get", 0.5, 404, "NOT_FOUND", {}), portal.id)
    inner = {"crm.item.get": Inner(4, 1, 8.0, 5.0, "NOT_FOUND")}
    recorder.observe(Report("batch", 8.5, 200, "", {}, inner=inner), portal.id)
    recorder.observe(
        Report("batch", 60.0, 0, "read_timeout", {}, inner={"crm.item.get": Inner(2)}), portal.id
    )
    clock.advance(hours=-20)
    recorder.observe(PLAIN, portal.id)
    clock.advance(hours=-20)
    recorder.observe(PLAIN, portal.id)
    clock.moment = now
    recorder.flush()
    told = request_pages.summary(deps, portal.id)
    lines = {one.method: (one.count, one.failed, one.median, one.slowest) for one in told.methods}
    assert lines == {
        "crm.item.get": (10, 2, 1.5, 9.0), "batch": (2, 1, pytest.approx(34.25), 60.0), "profile": (1, 0, 0.25, 0.25),
    }  # fmt: skip
    assert (told.count, told.failed, told.complete, told.level, told.ceiling) == (7, 3, True, 0.0, 50.0)
    assert [pair[1:] for pair in told.hours if pair[1]] == [(1, 0), (6, 3)]
    assert told.hours[-1][0] == now
    assert request_pages.last_hour(deps) == {"good": 3, "refused": 3}


def test_a_click_is_followed_to_its_requests_in_the_portal(sqlite_url: str, capsys: Any) -> None:
    """Written by a page, sent by a worker, one name; two clicks in one request: a line says whose it was (T8)."""
    with on_sqlite(sqlite_url) as sessions, world(sessions) as place:
        place.ready()
        recorder = watched(place)
        with bound_contextvars(request="click-one"):
            place.queue(calls.item_update("deal", 1, {"title": "One"}), "deal:1", "a")
        place.work()
        with bound_contextvars(request="click-two"):
            place.queue(calls.item_update("deal", 2, {"title": "Two"}), "deal:2", "b")
        with bound_contextvars(request="click-three"):
            place.queue(calls.item_update("deal", 3, {"title": "Three"}), "deal:3", "c")
        capsys.readouterr()
        place.work()
        said = capsys.readouterr().out
        recorder.flush()
        wanted = Filter(request_id="click-o")
        (followed,) = request_pages.listing(place.deps, place.portal_id, wanted).entries
        others = [one for one in lines(sessions) if "crm.item.update" in one.inner and one.id != followed.id]
        assert dict(followed.inner) == {"crm.item.update": 1}
        (joined,) = others
        assert joined.request_id.startswith("outbox-")
        assert "work.joined" in said
        assert "'click-three', 'click-two'" in said
        with transaction(sessions) as session:
            for name in ("event-one", "event-two"):
                with bound_contextvars(request=name):
                    inbox_rows.store(
                        session, place.portal_id, place.clock.now(), "ONCRMDEALUPDATE", "deal", 9
                    )
        assert [row.origin for row in place.all(InboxRow) if row.entity_id == 9] == ["event-two"], (
            "the newest"
        )
