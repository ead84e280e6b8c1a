"""Extra questions asked after projects in numbers, by period, apart from those of the yearly survey (W13, W16, N11)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from integration.nps.projects import month_of
from integration.nps.questions import Question
from integration.services import question_numbers, question_versions
from integration.services.wave_accounts import Json
from integration.store import question_numbers as rows
from integration.store.question_numbers import Counted, Line
from integration.store.reports import Scope


@dataclass(frozen=True, slots=True)
class PeriodSaid:
    """A question in one period. `first`: its first day; `kept`: as `question_numbers.of_wave` has it, `before` being
    the period named by its first day, ISO."""

    first: date
    kept: Json


@dataclass(frozen=True, slots=True)
class AfterProjects:
    """One question over all periods, and in each in which it was answered, the latest first."""

    whole: Json
    periods: tuple[PeriodSaid, ...]

    @property
    def latest(self) -> PeriodSaid:
        """The latest period of which there is more to tell than that there were too few answers, else the latest."""
        return next((one for one in self.periods if one.kept["before"]), self.periods[0])


def read(
    session: Session, portal_id: int, scope: Scope, first: Callable[[date], date], least: int
) -> tuple[AfterProjects, ...]:
    """The questions answered after projects by clients the viewer sees, in the order of asking.

    `first`: the first day of the period of a month; `least`: answers below which nothing is shown (N7). A period is
    compared with the last one before it that has as many, so that an empty summer hides no change.
    """
    found = rows.counted_after_projects(session, portal_id, scope)
    keys = sorted({one.question for _, one in found})
    if not keys:
        return ()
    known = question_versions.kept(session, portal_id, keys)
    groups: dict[date, list[Counted]] = {}
    for name, one in found:
        month = month_of(name)
        if month is not None:
            groups.setdefault(first(month), []).append(one)
    return tuple(
        _one(key, kind, known, groups, least)
        for key in question_numbers.ordered(session, portal_id, keys)
        for kind in question_numbers.by_kind([one for each in groups.values() for one in each], key, known)
    )


def words(session: Session, portal_id: int, scope: Scope, found: Sequence[AfterProjects]) -> list[Line]:
    """The newest answers in own words."""
    return question_numbers.words(session, portal_id, None, scope, [one.whole for one in found])


def _one(
    key: str, kind: str, known: Mapping[str, Sequence[Question]], groups: Mapping[date, Sequence[Counted]], least: int
) -> AfterProjects:  # fmt: skip
    versions = known[key]
    given = {
        day: answers
        for day in sorted(groups)
        if (answers := question_numbers.by_kind(groups[day], key, known).get(kind))
    }
    periods: list[PeriodSaid] = []
    last: date | None = None
    for day, answers in given.items():
        kept = question_numbers.row_of(key, kind, answers, versions)
        if kept["n"] >= max(1, least):
            if last is not None:
                kept["before"] = question_numbers.stood_before(
                    last.isoformat(), given[last], answers, kept, versions
                )
            last = day
        periods.append(PeriodSaid(day, kept))
    everything = [one for answers in given.values() for one in answers]
    return AfterProjects(question_numbers.row_of(key, kind, everything, versions), tuple(reversed(periods)))
