"""A portal with a day of requests behind it, of every kind that people see in the log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from integration.bitrix.report import Inner, Report
from integration.services import request_log
from integration.services.deps import Deps
from integration.services.request_log import By, Recorder
from tests.services.portal_world import World
from tests.web import setup_world

MANY = "crm.timeline.comment.add"


def reports() -> Iterator[tuple[float, Report, By]]:
    """How many hours ago, what was asked, and for whom."""
    for hour in range(23, -1, -1):
        for number in range(3 + (hour * 7) % 11):
            told = {"crm.item.list": 3.5 + number}
            yield (
                hour + number / 60,
                Report("crm.item.list", 0.2 + number / 50, 200, "", told, 420, 48_000),
                "background",
            )
    writes = {
        "crm.item.update": Inner(38, 2, 61.0, 4.2, "ACCESS_DENIED"), MANY: Inner(10, 0, 3.0, 0.6),
        "tasks.task.add": Inner(2, 0, 1.9, 1.1),
    }  # fmt: skip
    yield (
        2.5,
        Report("batch", 21.4, 200, "", {"crm.item.update": 402.5, MANY: 12.0}, 31_000, 96_000, writes),
        "background",
    )
    yield 2.0, Report("crm.item.update", 0.4, 503, "QUERY_LIMIT_EXCEEDED", {}, 300, 120), "background"
    yield 1.5, Report("tasks.task.add", 0.1, 429, "OPERATION_TIME_LIMIT", {}, 900, 160), "background"
    yield (
        1.2,
        Report("batch", 65.0, 0, "read_timeout", {}, 18_000, 0, {"crm.item.update": Inner(40)}),
        "background",
    )
    yield 1.1, Report("profile", 0.2, 200, "", {"profile": 0.1}, 60, 400), "click"
    yield 1.0, Report("oauth.app.info", 0.3, 200, "", {}, 60, 700), "click"
    yield 0.9, Report("oauth.token", 0.3, 200, "", {}, 180, 900), "background"
    yield 0.8, Report("crm.item.get", 0.1, 400, '"><script>alert(1)</script>', {}, 100, 2_400_000), "event"


def busy_day(deps: Deps, portal_id: int) -> int:
    """Write them into the log of the portal; how many."""
    now, many = deps.clock.now(), 0
    for ago, report, by in reports():
        recorder = Recorder(deps.sessions, _Then(now - timedelta(hours=ago)), every=0)
        request_log.called(by, "3f2a90b1c7" if by == "click" else "")
        recorder.observe(report, portal_id)
        recorder.flush()
        many += 1
    request_log.called()
    return many


class _Then:
    """A clock that stands at a moment."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self) -> datetime:
        return self._moment


def sick(place: World) -> None:
    """Much is wrong with the portal: things stuck, the worker silent for an hour, clocks apart."""
    setup_world.stuck(place)
    place.clock.advance(2 * 3600)
    now = place.clock.now()
    recorder = Recorder(place.deps.sessions, place.clock, every=0)
    for _ in range(5):
        told = Report("crm.item.list", 0.2, 200, "", {}, finished=now.timestamp() + 400)
        recorder.observe(told, place.portal_id)
    recorder.flush()
