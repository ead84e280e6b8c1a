"""What one request was like, for whoever watches: times, sizes, codes; never what was said in it (product.md T3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from integration.bitrix.errors import BitrixError


@dataclass(frozen=True)
class Inner:
    """The calls of one method inside a batch: how many were asked and failed, and the seconds they took in the
    portal, together and the slowest of them (0.0 where it did not tell). ``code``: of the first that failed."""

    calls: int
    failed: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    code: str = ""


@dataclass(frozen=True)
class Report:
    """What an observer learns of one request: seconds on our side, status 0 when no answer came, the code of
    the error, and the accumulated ``operating`` seconds by inner method (bitrix24.md 4.2).

    ``sent``, ``received``: bytes of the bodies, the answer's unpacked; ``inner``: what was inside a batch, by
    method; ``finished``: the portal's clock when it had answered, seconds since the epoch.
    """

    method: str
    seconds: float
    status: int
    code: str
    operating: dict[str, float]
    sent: int = 0
    received: int = 0
    inner: dict[str, Inner] = field(default_factory=dict)
    finished: float | None = None


Observer = Callable[[Report], None]


def unobserved(report: Report) -> None:
    """Reports go nowhere."""


class Watch:
    """Collects a report while a request is under way; ``inner``: the methods of a batch by command key."""

    def __init__(
        self,
        method: str,
        stopwatch: Callable[[], float],
        sent: int = 0,
        inner: Mapping[str, str] | None = None,
    ) -> None:
        self._method, self._stopwatch, self._sent, self._inner = method, stopwatch, sent, inner or {}
        self._started, self._status, self._received, self._code = stopwatch(), 0, 0, ""
        self._body: Mapping[str, Any] = {}

    def answered(self, status: int, received: int) -> None:
        """An answer came, whatever it says."""
        self._status, self._received = status, received

    def told(self, body: Mapping[str, Any]) -> None:
        """The answer was a good one."""
        self._body = body

    def failed(self, error: BitrixError) -> None:
        """The request was refused, or no answer came."""
        self._code = error.code or "error"

    def report(self) -> Report:
        """What is known by now."""
        time = self._body.get("time")
        finished = _number(time.get("finish")) if isinstance(time, dict) else None
        return Report(
            method=self._method,
            seconds=self._stopwatch() - self._started,
            status=self._status,
            code=self._code,
            operating=_operating(self._method, self._body, self._inner),
            sent=self._sent,
            received=self._received,
            inner=_inner(self._body, self._inner),
            finished=finished,
        )


def keyed(value: Any) -> dict[str, Any]:
    """A PHP array as a map: lists are what maps with the keys 0, 1, 2 … become on the way."""
    if isinstance(value, list):
        return {str(index): one for index, one in enumerate(value)}
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _operating(method: str, body: Mapping[str, Any], inner: Mapping[str, str]) -> dict[str, float]:
    result = body.get("result")
    spans = keyed(result.get("result_time")) if inner and isinstance(result, dict) else {"": body.get("time")}
    told: dict[str, float] = {}
    for key, span in spans.items():
        seconds = _number(span.get("operating")) if isinstance(span, dict) else None
        if seconds is not None:
            told[inner.get(key, method)] = seconds
    return told


def _inner(body: Mapping[str, Any], inner: Mapping[str, str]) -> dict[str, Inner]:
    """What was asked inside a batch, with what the answer tells of it."""
    result = body.get("result")
    found = result if isinstance(result, dict) else {}
    errors, spans = keyed(found.get("result_error")), keyed(found.get("result_time"))
    asked = Counter(inner.values())
    failed: Counter[str] = Counter()
    codes: dict[str, str] = {}
    took: dict[str, list[float]] = {}
    for key, method in inner.items():
        if key in errors:
            failed[method] += 1
            codes.setdefault(method, _code(errors[key]))
        span = spans.get(key)
        seconds = _number(span.get("duration")) if isinstance(span, dict) else None
        if seconds is not None:
            took.setdefault(method, []).append(seconds)
    return {
        method: Inner(
            calls, failed[method], sum(took.get(method, ())), max(took.get(method, ()), default=0.0),
            codes.get(method, ""),
        )
        for method, calls in asked.items()
    }  # fmt: skip


def _code(error: Any) -> str:
    code = error.get("error") if isinstance(error, dict) else error
    if isinstance(code, dict):
        code = code.get("code")
    return str(code) if isinstance(code, (str, int)) and code != "" else "error"
