"""Where a process of the product is killed: every place at which a wave leaves a trace that cannot be taken back.

The product knows nothing of this. A commit is named by the use case under way, read from the stack of calls, and by
what it wrote; letters and portal are met from outside. Whoever dies here dies by SIGKILL: no handler, no rollback.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from sqlalchemy import Engine, event

from integration.services.deps import Answer, BatchAnswer, Rest, RestFactory


@dataclass(frozen=True)
class Point:
    """One place. `within`: the function of the product that is under way, as `module.function`, or a whole module;
    `wrote`: what its transaction must have set in the wave's row. `often`, `few`: how many times a wave of 300, or
    of 12, passes at least.
    """

    name: str
    within: str = ""
    wrote: str = ""
    often: int = 1
    few: int = 1


#: In this order, the first that applies.
COMMITS = (
    Point("lease", "calling.desk._give", often=20, few=4),
    Point("call", "calling.record.record", often=20, few=4),
    Point("call taken back", "calling.undo.undo"),
    Point("result", "waves_advance._advance_wave", "result_frozen_at"),
    Point("close", "waves_advance._advance_wave", "closed_at"),
    Point("stage", "waves_advance._advance_wave", often=4, few=3),
    Point("people", "waves_advance._advance_chunk", often=6, few=5),
    Point("approve", "waves.approve"),
    Point("list", "waves_freeze.freeze", often=4, few=4),
    Point("answer", "survey.answer", often=60, few=4),
    Point("correction", "corrections.correct", often=5, few=3),
    Point("letter", "letters_drain", often=300, few=8),
    Point("write-back", "outbox._portal", often=40, few=8),
)
#: Met from outside: the moment before the other side has got it, and the moment after.
OUTSIDE = (Point("mail", often=700, few=8), Point("portal", often=40, few=8))
POINTS = (*COMMITS, *OUTSIDE)
SIDES = ("before", "after")
PLACES = tuple(f"{side} {point.name}" for point in POINTS for side in SIDES)


def plan(seed: int, kills: int, *, small: bool = False) -> frozenset[tuple[str, int]]:
    """So many different kills: at which place, at which of its passes; every place once before any twice."""
    rng = Random(f"kills:{seed}")
    most = {f"{side} {point.name}": point.few if small else point.often for point in POINTS for side in SIDES}
    if kills > sum(most.values()):
        raise ValueError("more kills than passes")
    chosen: set[tuple[str, int]] = set()
    while True:
        for place in rng.sample(PLACES, len(PLACES)):
            if len(chosen) == kills:
                return frozenset(chosen)
            if left := [n for n in range(1, most[place] + 1) if (place, n) not in chosen]:
                chosen.add((place, rng.choice(left)))


class Strikes:
    """How often each place was passed, counted over all processes and restarts, and at which pass somebody dies."""

    def __init__(self, context: Any, targets: frozenset[tuple[str, int]]) -> None:
        self.targets = targets
        self._passed = context.Array("i", len(PLACES))

    def falls(self, place: str) -> bool:
        """One more pass of a place; whether it is the last thing its process does."""
        number = PLACES.index(place)
        with self._passed.get_lock():
            self._passed[number] += 1
            return (place, self._passed[number]) in self.targets

    def passed(self) -> dict[str, int]:
        """Passes by place."""
        return dict(zip(PLACES, self._passed, strict=True))

    def struck(self) -> list[tuple[str, int]]:
        """The targets that were met."""
        passed = self.passed()
        return sorted(target for target in self.targets if passed[target[0]] >= target[1])


def die(pid: int | None = None) -> None:
    """As by a power cut, as far as the process is concerned."""
    os.kill(pid or os.getpid(), signal.SIGKILL)


def arm(engine: Engine, strikes: Strikes) -> None:
    """Let commits of this engine be deadly, just before they happen and just after."""
    wrote: dict[int, str] = {}

    @event.listens_for(engine, "before_cursor_execute")
    def _seen(connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if statement.startswith("UPDATE waves SET"):
            number = id(connection.connection.dbapi_connection)
            wrote[number] = wrote.get(number, "") + statement

    genuine: Any = engine.dialect.do_commit

    def commit(connection: Any) -> None:
        name = _name(wrote.pop(id(getattr(connection, "dbapi_connection", connection)), ""))
        if name and strikes.falls(f"before {name}"):
            die()
        genuine(connection)
        if name and strikes.falls(f"after {name}"):
            die()

    setattr(engine.dialect, "do_commit", commit)  # noqa: B010 - a method of a library's object


def _name(wrote: str) -> str:
    under_way = set(_functions())
    for point in COMMITS:
        inside = {point.within, f"{point.within}.*"} & under_way
        if inside and point.wrote in wrote:
            return point.name
    return ""


def _functions() -> Iterator[str]:
    """The product's use cases on the stack, as `module.function` and `module.*`."""
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("integration.services."):
            short = module.removeprefix("integration.services.")
            yield f"{short}.{frame.f_code.co_name}"
            yield f"{short}.*"
        frame = frame.f_back  # type: ignore[assignment]


@dataclass(frozen=True)
class DeadlyRest:
    """A portal's client that dies before a request leaves, or with the answer in its hands."""

    genuine: Rest
    strikes: Strikes

    def call(self, call: Any) -> Answer:
        """One call."""
        self._perhaps("before")
        answer = self.genuine.call(call)
        self._perhaps("after")
        return answer

    def batch(self, calls: Mapping[str, Any], *, halt: bool = False) -> BatchAnswer:
        """Calls together."""
        self._perhaps("before")
        answer = self.genuine.batch(calls, halt=halt)
        self._perhaps("after")
        return answer

    def _perhaps(self, side: str) -> None:
        if self.strikes.falls(f"{side} portal"):
            die()


@dataclass(frozen=True)
class DeadlyPortals:
    """Makes them."""

    genuine: RestFactory
    strikes: Strikes

    def __call__(self, endpoint: str, token: str, *, portal_id: int | None = None) -> Rest:
        return DeadlyRest(self.genuine(endpoint, token, portal_id=portal_id), self.strikes)


def context() -> Any:
    """Processes that start in a blink: all modules are loaded once, in a process that makes the others."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(["tests.journeys.kill_worker"])
    return made
