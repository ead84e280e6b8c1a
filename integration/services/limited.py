"""Requests to a portal under its limits, whosever token they carry, sized by its answers (product.md T4, B4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from integration.bitrix.call import Call
from integration.bitrix.errors import Retryable
from integration.bitrix.limits import choose
from integration.bitrix.refs import Unresolved, keys_in, resolved
from integration.services import pace
from integration.services.deps import Answer, BatchAnswer, Deps, Rest
from integration.store.base import reading

T = TypeVar("T", Answer, BatchAnswer)
Send = Callable[[Mapping[str, Call]], BatchAnswer]


@dataclass(frozen=True, slots=True)
class Limited:
    """A portal's REST that is admitted and recorded by `pace` (the port `Rest`).

    `interactive`: a person waits, so the reserve may be used. Raises what `rest` raises; `Retryable` with the
    code `paced`, its effect "none", when the limits say wait.
    """

    deps: Deps
    portal_id: int
    license_family: str
    interactive: bool
    rest: Rest

    def call(self, call: Call) -> Answer:
        """Make one call."""
        got = self._ask([call.method], lambda: self.rest.call(call))
        told = BatchAnswer({"call": got}, {}, got.duration, {"call": pace.span(got)}, got.time)
        pace.record(self.deps, self.portal_id, {"call": call}, told)
        return got

    def batch(self, calls: Mapping[str, Call], *, halt: bool = False) -> BatchAnswer:
        """Make up to 50 calls in one request."""
        got = self._ask([call.method for call in calls.values()], lambda: self.rest.batch(calls, halt=halt))
        pace.record(self.deps, self.portal_id, calls, got)
        return got

    def _ask(self, methods: Sequence[str], ask: Callable[[], T]) -> T:
        """A click that finds the bucket filled by others on our address waits and knocks once more."""
        try:
            return self._once(methods, ask)
        except Retryable as error:
            if not (self.interactive and error.code.upper() == "QUERY_LIMIT_EXCEEDED"):
                raise
        return self._once(methods, ask)

    def _once(self, methods: Sequence[str], ask: Callable[[], T]) -> T:
        pace.admit(self.deps, self.portal_id, self.license_family, methods, self.interactive)
        began = self.deps.clock.now()
        try:
            return ask()
        except Retryable as error:
            took = (self.deps.clock.now() - began).total_seconds()
            pace.refuse(self.deps, self.portal_id, self.license_family, methods, error, took)
            raise


def in_parts(deps: Deps, portal_id: int, calls: Mapping[str, Call], send: Send) -> BatchAnswer:
    """The answers of up to 50 calls, in as many requests as a slow portal needs, mostly in one.

    A reference to a call of an earlier request is replaced by what it leads to. What hangs on a reference that
    leads nowhere is not asked any more, as if the portal had not come to it.
    """
    left = dict(calls)
    got = BatchAnswer({}, {})
    hollow: set[str] = set()
    while left:
        keys = _next(deps, portal_id, left) if len(left) > 1 else list(left)
        wanted = {key: left.pop(key) for key in keys}
        part = _resolved(wanted, got, hollow)
        if part:
            got = _joined(got, send(part))
        _resolved(wanted, got, hollow)  # now that their results are known
    return got


def _resolved(calls: Mapping[str, Call], got: BatchAnswer, hollow: set[str]) -> dict[str, Call]:
    """The calls with what their references lead to; keys of those that hang on nothing go to `hollow`."""
    results = {key: answer.result for key, answer in got.answers.items()}
    found = {}
    for key, call in calls.items():
        try:
            if keys_in(call.params) & hollow:
                raise Unresolved(key)
            found[key] = replace(call, params=resolved(call.params, results))
        except Unresolved:
            hollow.add(key)
    return found


def _next(deps: Deps, portal_id: int, left: Mapping[str, Call]) -> list[str]:
    """What goes in the next request: in order, and nothing before what it refers to."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        meters = pace.look(session, portal_id, now).meters
    every = list(left)
    fitting = {every[number] for number in choose(meters, [left[key].method for key in every], now)}
    part: list[str] = []
    for key in every:
        if key in fitting and keys_in(left[key].params) & left.keys() <= {*part}:
            part.append(key)
    return part or every


def _joined(one: BatchAnswer, other: BatchAnswer) -> BatchAnswer:
    """The answers of both requests as if they were of one; the time of the whole is that of the second."""
    return BatchAnswer(
        answers={**one.answers, **other.answers},
        errors={**one.errors, **other.errors},
        duration=one.duration + other.duration,
        times={**one.times, **other.times},
        time=other.time,
    )
