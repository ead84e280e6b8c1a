"""What staff see of surveys after projects: runs with their state and reason, answers by month (product.md W16, N7).

Apart from the yearly survey in everything. Whoever sees a client sees its runs; the numbers are of the clients seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from integration.nps import projects as rules
from integration.nps.headline import Headline
from integration.nps.questions import Question
from integration.nps.rights import Rights, city_key
from integration.nps.scoring import group
from integration.services import piecewise, policies, question_projects, question_versions, questions, rights
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.projects.switch import TurnedOn, turned_on
from integration.services.question_projects import AfterProjects
from integration.services.questions import ExtraSaid
from integration.store import policies as policy_rows
from integration.store import project_pages as rows
from integration.store import question_numbers as question_rows
from integration.store import reports as report_rows
from integration.store.base import reading
from integration.store.project_pages import STATES as STATES
from integration.store.project_pages import Shown as Shown
from integration.store.question_numbers import Line
from integration.store.reports import Scope

PAGE = 50
MOST = 5000  # rows of a file
PERIODS = ("month", "quarter", "year")


@dataclass(frozen=True, slots=True)
class Period:
    """The answers about projects asked about in a month, quarter or year. `first`: its first day."""

    first: date
    headline: Headline


@dataclass(frozen=True, slots=True)
class ProjectsPage:
    """What the page shows. `on`: since when, by whom; None while it is off. `may_act`: may cancel, let through, judge;
    `may_start`: may ask by hand. `services`, `managers`: numbers for the tables, plain values; `questions`: the extra
    ones in figures (N11), `said`: the newest answers to them in own words, `extra`: what was said in them, by answer.
    """

    rights: Rights
    on: TurnedOn | None
    ever: bool
    may_act: bool
    may_start: bool
    runs: tuple[Shown, ...]
    counts: Mapping[str, int]
    state: str
    page: int
    pages: int
    by: str
    whole: Headline
    periods: tuple[Period, ...]
    services: tuple[Mapping[str, object], ...]
    managers: tuple[Mapping[str, object], ...]
    names: Mapping[int, str]
    pipelines: Mapping[int, str]
    stages: Mapping[str, str]
    least: int
    now: datetime
    chosen_stages: int
    questions: tuple[AfterProjects, ...]
    said: tuple[Line, ...]
    extra: Mapping[int, tuple[ExtraSaid, ...]]


@dataclass(frozen=True, slots=True)
class Everything:
    """All that a viewer may save: the runs, the youngest first; extra questions in figures; every answer to them.

    `names` of employees, `stages` of deals; `versions`: every wording of an extra question, by key and version.
    """

    runs: tuple[Shown, ...]
    names: Mapping[int, str]
    stages: Mapping[str, str]
    by: str
    least: int
    questions: tuple[AfterProjects, ...]
    extra: tuple[Line, ...]
    versions: Mapping[tuple[str, int], Question]


def read(deps: Deps, who: Viewer, *, state: str = "", page: int = 1, by: str = "month") -> ProjectsPage:
    """The page for a viewer. Raises `LookupError` if the portal is gone."""
    state = state if state in STATES else ""
    by = by if by in PERIODS else "month"
    with reading(deps.sessions) as session:
        mine, scope = seen_by(session, who)
        policy, _ = policies.load(session, who.portal_id)
        counts = rows.counts(session, who.portal_id, scope, rules.MANY)
        page, pages = piecewise.place(counts[state], page, PAGE)
        found = rows.listed(session, who.portal_id, scope, state, rules.MANY, (page - 1) * PAGE, PAGE)
        asked = rows.answers(session, who.portal_id, scope)
        managers = {one[1] for one in asked if one[1]} | {one.manager_id for one in found if one.manager_id}
        names = report_rows.names(session, who.portal_id, managers)
        more = _questions(session, who.portal_id, scope, by, policy.min_group)
        return ProjectsPage(
            rights=mine, on=turned_on(session, who.portal_id), ever=rows.any_run(session, who.portal_id),
            may_act=mine.may_run_waves, may_start=may_start(mine) and policy.project_surveys,
            runs=tuple(found), counts=counts, state=state, page=page, pages=pages, by=by,
            whole=_headline(asked, policy.min_group), periods=_periods(asked, by, policy.min_group),
            services=_slices(asked, lambda one: one[2]), managers=_slices(asked, lambda one: one[1]),
            names=names, pipelines=policy_rows.pipelines(session, who.portal_id),
            stages=rows.stages(session, who.portal_id), least=policy.min_group, now=deps.clock.now(),
            chosen_stages=len(policy.project_stages), questions=more,
            said=tuple(question_projects.words(session, who.portal_id, scope, more)),
            extra=extra_of(session, who.portal_id, found),
        )  # fmt: skip


def everything(deps: Deps, who: Viewer, *, by: str = "month") -> Everything:
    """All that the viewer may see, for a file. `by`: the periods of the figures."""
    by = by if by in PERIODS else "month"
    with reading(deps.sessions) as session:
        _, scope = seen_by(session, who)
        policy, _ = policies.load(session, who.portal_id)
        found = rows.listed(session, who.portal_id, scope, "", rules.MANY, 0, MOST)
        managers = {one.manager_id for one in found if one.manager_id}
        return Everything(
            runs=tuple(found), names=report_rows.names(session, who.portal_id, managers),
            stages=rows.stages(session, who.portal_id), by=by, least=policy.min_group,
            questions=_questions(session, who.portal_id, scope, by, policy.min_group),
            extra=tuple(question_rows.lines(session, who.portal_id, None, scope)),
            versions=question_versions.by_number(session, who.portal_id),
        )  # fmt: skip


def extra_of(session: Session, portal_id: int, found: Iterable[Shown]) -> dict[int, tuple[ExtraSaid, ...]]:
    """What was said besides in the answers of these runs, by answer."""
    return questions.of_responses(
        session, portal_id, [one.response.id for one in found if one.response is not None]
    )


def _questions(
    session: Session, portal_id: int, scope: Scope, by: str, least: int
) -> tuple[AfterProjects, ...]:
    return question_projects.read(session, portal_id, scope, lambda month: first_of(month, by), least)


def shown(session: Session, portal_id: int) -> bool:
    """Whether there is anything to show at all: it is on, or was once."""
    return policies.load(session, portal_id)[0].project_surveys or rows.any_run(session, portal_id)


def may_start(mine: Rights) -> bool:
    """Who may ask about a project by hand: not the manager who serves the client, who would ask the happy ones."""
    return mine.may_run_waves or mine.role == "director"


def seen_by(session: Session, who: Viewer) -> tuple[Rights, Scope]:
    """The viewer's rights, and whose clients that is."""
    mine = rights.of(session, who.portal_id, who)
    if mine.sees_all or mine.may_run_waves:
        return mine, report_rows.EVERYONE
    known = rows.cities(session, who.portal_id) if mine.cities else set()
    mine_too = frozenset(city for city in known if city_key(city) in mine.cities)
    return mine, Scope(people=mine.people, cities=mine_too)


_Row = tuple[str, int | None, int | None, int | None, int]


def _headline(asked: Sequence[_Row], least: int) -> Headline:
    given = [(score, n) for _, _, _, score, n in asked if score is not None]
    return Headline.of(given, sum(one[4] for one in asked), least, known=False)


def _periods(asked: Sequence[_Row], by: str, least: int) -> tuple[Period, ...]:
    """The latest first; those in which somebody was asked."""
    groups: dict[date, list[_Row]] = {}
    for one in asked:
        month = rules.month_of(one[0])
        if month is not None:
            groups.setdefault(first_of(month, by), []).append(one)
    return tuple(Period(first, _headline(groups[first], least)) for first in sorted(groups, reverse=True))


def first_of(month: date, by: str) -> date:
    """The first day of the period (`PERIODS`) that a month belongs to."""
    if by == "year":
        return month.replace(month=1)
    return month.replace(month=month.month - (month.month - 1) % 3) if by == "quarter" else month


def _slices(asked: Iterable[_Row], key: Callable[[_Row], int | None]) -> tuple[Mapping[str, object], ...]:
    people: Counter[int] = Counter()
    groups: Counter[tuple[int, str]] = Counter()
    for one in asked:
        of = key(one) or 0
        people[of] += one[4]
        if one[3] is not None:
            groups[of, group(one[3])] += one[4]
    return tuple(
        {
            "key": of, "asked": people[of], "detractors": groups[of, "detractor"],
            "passives": groups[of, "passive"], "promoters": groups[of, "promoter"],
        }
        for of in sorted(people)
    )  # fmt: skip
