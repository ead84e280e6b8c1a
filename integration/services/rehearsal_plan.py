"""Who gets what and when: each respondent with language, signer, address and moments of the letters (product.md W4).

Nothing of it is stored: it is worked out by the rules that will send the letters (`nps.foresight`), for those shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy.orm import Session

from integration.nps.foresight import Course, foresee
from integration.nps.intents import LetterKind, Outcome
from integration.nps.letters import LetterProblem, pick_sender
from integration.nps.people import ClientKey
from integration.nps.touches import InvitationFacts
from integration.nps.workdays import zone_named
from integration.services import piecewise
from integration.services.deps import Deps
from integration.services.letter_drafts import Cast, Scene, casting, scene
from integration.services.waves_facts import facts_of, state_of
from integration.store import rehearsals, wave_queries
from integration.store.base import reading
from integration.store.waves import Invitation, WaveClient

PAGE = 25
CHUNK = 500  # people of a file worked out at a time
LONGEST = 100  # characters of a search
SHOWS = rehearsals.SHOWS
_NOBODY = ClientKey("company", 0)


@dataclass(frozen=True, slots=True)
class Planned:
    """One letter to come. `at`: aware, in the person's own zone; `signer`: a name, empty with `problem` (its code)."""

    step: str
    letter: LetterKind
    at: datetime
    signer: str
    problem: str = ""
    late: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """One respondent and all that comes. `zone_source`: field, address, responsible or portal (product.md E6).

    `skipped`: steps that are left out, because the next one comes too soon after them; `end`: the outcome of silence.
    `calls_from`: the day on which calls to `phone` begin, nothing if nobody calls; without an address there are only
    calls (W7).
    """

    id: int
    client: str
    client_kind: str
    client_id: int
    city: str
    name: str
    contact_id: int
    role: str
    shared: bool
    address: str
    language: str
    zone: str
    zone_source: str
    letters: tuple[Planned, ...]
    skipped: tuple[str, ...]
    end: Outcome | None
    phone: str = ""
    calls_from: date | None = None


@dataclass(frozen=True, slots=True)
class PlanPage:
    """A part of the plan: `page` of `pages`, from 1; `found`: people the search finds; `words`, `show`: as searched."""

    people: tuple[Person, ...]
    found: int
    page: int
    pages: int
    words: str
    show: str


def page_in(
    session: Session, stage: Scene, now: datetime, words: str = "", show: str = "", page: int = 1
) -> PlanPage:
    """A page of the plan. `words`: all must stand in the client's or the person's name, or in the address."""
    portal_id, wave_id = stage.portal.id, stage.wave.id
    words, show = words.strip()[:LONGEST], show if show in SHOWS else ""
    wanted = words.split()
    found = rehearsals.count(session, portal_id, wave_id, wanted, show)
    page, pages = piecewise.place(found, page, PAGE)
    rows = (
        rehearsals.respondents(session, portal_id, wave_id, wanted, show, (page - 1) * PAGE, PAGE)
        if found
        else []
    )
    return PlanPage(tuple(_people(session, stage, rows, now, {})), found, page, pages, words, show)


def everybody(deps: Deps, portal_id: int, wave_id: int) -> Iterator[Person]:
    """The whole plan by the client's name, read in portions; empty for a wave that has no list or dates."""
    now = deps.clock.now()
    known: dict[object, Course] = {}
    for start in range(0, 10**9, CHUNK):
        with reading(deps.sessions) as session:
            wave = wave_queries.wave(session, portal_id, wave_id)
            if wave is None or "zone" not in wave.plan:
                return
            rows = rehearsals.respondents(session, portal_id, wave_id, (), "", start, CHUNK)
            people = _people(session, scene(session, wave, now), rows, now, known) if rows else []
        yield from people
        if len(rows) < CHUNK:
            return


def _people(
    session: Session,
    stage: Scene,
    rows: Sequence[tuple[Invitation, WaveClient]],
    now: datetime,
    known: dict[object, Course],
) -> list[Person]:
    invitations = [invitation for invitation, _ in rows]
    if not invitations:
        return []
    people = casting(session, stage.portal.id, invitations, stage.wave.id)
    facts = facts_of(session, stage, people, invitations)
    return [
        _person(stage, people, invitation, line, _course(stage, facts[invitation.id], now, known))
        for invitation, line in rows
    ]


def _course(stage: Scene, facts: InvitationFacts, now: datetime, known: dict[object, Course]) -> Course:
    """People of one zone whom nothing sets apart share their days, so that a long list is worked out quickly."""
    same = repr(
        replace(
            facts,
            id=0,
            client=_NOBODY,
            contact_id=0,
            address="",
            language="",
            sender="",
            phone=facts.phone and "1",
        )
    )
    if same not in known:
        known[same] = foresee(facts, state_of(stage), stage.policy, now, stage.calendar.letters)
    return known[same]


def _person(stage: Scene, people: Cast, invitation: Invitation, line: WaveClient, course: Course) -> Person:
    name = invitation.time_zone or stage.policy.time_zone
    zone = zone_named(name)
    letters = []
    for one in course.letters:
        signer = pick_sender(one.letter, line.city, people.managers(line), stage.policy, stage.team)
        problem = signer.code if isinstance(signer, LetterProblem) else ""
        written = "" if isinstance(signer, LetterProblem) else signer.name
        letters.append(Planned(one.step, one.letter, one.at.astimezone(zone), written, problem, one.late))
    return Person(
        id=invitation.id, client=line.name, client_kind=line.client_kind, client_id=line.client_id, city=line.city,
        name=invitation.name, contact_id=invitation.contact_id, role=invitation.role, shared=invitation.shared,
        address=invitation.address, language=invitation.language, zone=name, zone_source=invitation.zone_source,
        letters=tuple(letters), skipped=course.skipped, end=course.end, phone=invitation.phone,
        calls_from=stage.plan.calling if invitation.phone else None,
    )  # fmt: skip
