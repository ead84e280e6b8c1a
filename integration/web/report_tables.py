"""Tables of a report: nothing below the smallest group, no order of people while it would mean nothing (N7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from integration.nps.reporting import Slice, may_rank
from integration.nps.statistics import Counts, adjusted, nps
from integration.services.wave_accounts import counts_of
from integration.web.pages import number_text, say


def breakdown(rows: Iterable[Mapping[str, Any]], least: int, name: Callable[[Any], str]) -> dict[str, Any]:
    """Lines by branch or account manager; nothing where there is only one: it would be the whole once more.

    By name, unless no two intervals overlap: then by the index.
    """
    found = [(row, counts_of(row) or Counts(0, 0, 0)) for row in rows]
    if len(found) < 2:
        return {}
    slices = [_slice(row["key"], counts, least) for row, counts in found]
    ranked = sum(one.nps is not None for one in slices) > 1 and may_rank(slices)
    lines = [(one, _line(one, row, name(one.key))) for one, (row, _) in zip(slices, found, strict=True)]
    lines.sort(key=lambda pair: _place(pair[0], pair[1], ranked))
    shown = [line for _, line in lines]
    return {"rows": shown, "ranked": ranked, "hidden": any(one.n and one.nps is None for one in slices)}


def _line(one: Slice[Any], row: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {
        "name": name or say("not named"), "unnamed": not name, "asked": int(row["asked"]), "n": one.n,
        "nps": None if one.nps is None else number_text(one.nps),
        "low": number_text(one.interval.low) if one.interval else "",
        "high": number_text(one.interval.high) if one.interval else "",
    }  # fmt: skip


def _place(one: Slice[Any], line: Mapping[str, Any], ranked: bool) -> tuple[bool, float, str]:
    """Those without a name last; by the index where it may rank, with those below the smallest group behind."""
    by_index = (-one.nps if one.nps is not None else 1000.0) if ranked else 0.0
    return bool(line["unnamed"]), by_index, str(line["name"]).casefold()


def _slice(key: Any, counts: Counts, least: int) -> Slice[Any]:
    if counts.n < max(1, least):
        return Slice(key, counts.n, None, None, None)
    return Slice(key, counts.n, counts, nps(counts), adjusted(counts).interval)


def signed(value: float, decimals: int = 0) -> str:
    """A number of points with its sign; zero has none."""
    said = number_text(abs(round(value, decimals)), decimals)
    if round(value, decimals) == 0:
        return said
    return f"+{said}" if value > 0 else f"−{said}"
