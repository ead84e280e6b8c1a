"""Breakdowns, response rates and themes: what a report may say and what not (product.md N6, N7, F7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

from .errors import OutOfRange
from .people import Group
from .statistics import Counts, Interval, adjusted, nps

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Slice(Generic[Key]):
    """One line of a breakdown; below ``min_group`` answers only n is known, the rest is None."""

    key: Key
    n: int
    counts: Counts | None
    nps: float | None
    interval: Interval | None


def breakdown(answers: Iterable[tuple[Key, Group]], min_group: int) -> list[Slice[Key]]:
    """Slices in the order their keys first came (product.md N7)."""
    groups: dict[Key, list[Group]] = {}
    for key, group in answers:
        groups.setdefault(key, []).append(group)
    slices: list[Slice[Key]] = []
    for key, found in groups.items():
        counts = Counts.of(found)
        if counts.n < min_group:
            slices.append(Slice(key, counts.n, None, None, None))
        else:
            slices.append(Slice(key, counts.n, counts, nps(counts), adjusted(counts).interval))
    return slices


def may_rank(slices: Iterable[Slice[Key]]) -> bool:
    """Whether an order of people can be shown at all: no two intervals overlap (product.md N7)."""
    shown = sorted(one.interval for one in slices if one.interval)
    return all(not a.overlaps(b) for a, b in pairwise(shown))


@dataclass(frozen=True, slots=True)
class Dispositions:
    """Final dispositions of AAPOR: complete, partial, refusal, non-contact, other, unknown (two kinds)."""

    complete: int
    partial: int = 0
    refusal: int = 0
    non_contact: int = 0
    other: int = 0
    unknown: int = 0

    def __post_init__(self) -> None:
        if min(self.complete, self.partial, self.refusal, self.non_contact, self.other, self.unknown) < 0:
            raise OutOfRange("a count cannot be negative")


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares 0 … 1; None where nobody could be counted."""

    rr1: float | None
    coop1: float | None
    ref1: float | None
    con1: float | None


def aapor(found: Dispositions) -> Rates:
    """Response, cooperation, refusal and contact rate, each the strictest variant (product.md N6)."""
    interviews = found.complete + found.partial
    contacted = interviews + found.refusal + found.other
    everybody = contacted + found.non_contact + found.unknown

    def share(part: int, whole: int) -> float | None:
        return part / whole if whole else None

    return Rates(
        rr1=share(found.complete, everybody),
        coop1=share(found.complete, contacted),
        ref1=share(found.refusal, everybody),
        con1=share(contacted, everybody),
    )


# Which outcome of an invitation counts as what; excluded ones were never eligible and count nowhere.
_DISPOSITION = {
    "answered": "complete",
    "refused": "refusal",
    "opted_out": "refusal",
    "postponed": "other",
    "unreachable": "non_contact",
    "no_answer": "non_contact",
    "closed_early": "unknown",
}


def dispositions(outcomes: Mapping[str, int], reached: Mapping[str, int] | None = None) -> Dispositions:
    """From the number of invitations by outcome (product.md W14).

    ``reached``: how many of these spoke to us on the phone although they never answered; they were contacted and
    declined nothing, so they are "other", whatever their outcome says about the letters (AAPOR 2023, 2.3).
    """
    counted: dict[str, int] = {}
    for outcome, count in outcomes.items():
        if name := _DISPOSITION.get(outcome):
            spoke = min(count, (reached or {}).get(outcome, 0)) if name in ("non_contact", "unknown") else 0
            counted[name] = counted.get(name, 0) + count - spoke
            if spoke:
                counted["other"] = counted.get("other", 0) + spoke
    return Dispositions(**{"complete": 0, **counted})


def is_systemic(raised: int, answers: int, share_percent: int) -> bool:
    """Whether a theme raised ``raised`` times in ``answers`` answers is a process problem (product.md F7)."""
    return answers > 0 and raised * 100 >= share_percent * answers
