"""A letter as one client would get it, before anything is sent; test letters to the agency's own staff (W4, W5).

The letter is made by the very functions that make those of a survey, from the rules and cards of today. Nothing
is asked of the portal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from integration.i18n import known, mark, text
from integration.mail.render import MissingFact, Rendered, render
from integration.mail.render import told as values
from integration.nps.eligibility import manager_of
from integration.nps.intents import LetterKind
from integration.nps.letters import LetterProblem
from integration.nps.people import ClientKey
from integration.nps.plans import Plan, plan, wave_start
from integration.nps.policy import Policy, Sender
from integration.nps.relation import current_through
from integration.nps.wording import OwnText
from integration.nps.workdays import local_day, zone_named
from integration.services import letter_texts, policies
from integration.services.calendars import PortalCalendar
from integration.services.deps import Deps
from integration.services.letter_drafts import Cast, Draft, Scene, calendar_for, draft, facts
from integration.services.letter_texts import Own
from integration.store import overviews, samples, snapshots
from integration.store.answers import agency_name
from integration.store.base import reading
from integration.store.policies import pipelines
from integration.store.portals import Portal
from integration.store.waves import Invitation, Wave, WaveClient

TOKEN = "sample"  # noqa: S105  (stands for the personal link where there is no person; no invitation has it)
FOUND = 8
_NAMES = {"first": mark("Anna"), "last": mark("Hill"), "client": mark("Daisy Ltd")}
_SENDER = {"name": mark("Name and surname"), "position": mark("Position")}


@dataclass(frozen=True, slots=True)
class SampleClient:
    """A client to show a letter on; `key` is empty for the invented one."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A letter as it would be sent. `problem`: why nobody can sign it yet; an invented name signs it then."""

    client: SampleClient
    draft: Draft
    problem: LetterProblem | None = None

    @property
    def sender(self) -> Sender:
        """Who signs."""
        return self.draft.sender


def find(deps: Deps, portal_id: int, wanted: str, limit: int = FOUND) -> list[SampleClient]:
    """Clients whose name holds a text; without one, some clients."""
    with reading(deps.sessions) as session:
        found = samples.clients_like(session, portal_id, wanted, limit)
    return [SampleClient(f"{kind}:{number}", name) for kind, number, name in found]


def sample(
    deps: Deps, portal_id: int, letter: LetterKind, language: str, key: str = "", own: OwnText | None = None
) -> Sample:
    """The letter for a client (`key` as in `SampleClient`; an unknown one: invented), with words nobody saved
    yet, if given. Raises `LookupError` for an unknown portal."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        made = in_session(session, portal_id, letter, language, key, now)
    if own is None:
        return made
    return replace(made, draft=replace(made.draft, own=Own(f"agency/{letter}/{language}/draft", own)))


def written(deps: Deps, made: Sample) -> Rendered:
    """The texts of a sample, its links leading to a page that knows nobody. Raises `MissingFact`."""
    base = deps.settings.public_url
    return _render(made.draft, f"{base}/s/{TOKEN}", f"{base}/u/{TOKEN}", f"{base}/d/{TOKEN}")


def shown(made: Sample) -> str:
    """The HTML of a sample for a page, its links leading nowhere. Raises `MissingFact`."""
    return _render(made.draft, "#", "#", "#").html


def told(made: Sample) -> Mapping[str, str]:
    """What each place becomes in this letter, by its name; those that would be left out are empty."""
    return values(made.draft.kind, made.draft.language, made.draft.facts)


def _render(of: Draft, survey_url: str, unsubscribe_url: str, direct_url: str) -> Rendered:
    links = {"survey_url": survey_url, "unsubscribe_url": unsubscribe_url}
    links["direct_url"] = direct_url if of.line is not None else ""
    return render(of.kind, of.language, {**of.facts, **links}, of.own.text if of.own else None)


def languages(deps: Deps, portal_id: int) -> tuple[str, ...]:
    """The languages letters go out in, first the one for whoever's card names none."""
    with reading(deps.sessions) as session:
        policy, _ = policies.load(session, portal_id)
    return tuple(dict.fromkeys((policy.language, *policy.languages)))


def in_session(
    session: Session, portal_id: int, letter: LetterKind, language: str, key: str, now: datetime
) -> Sample:
    """`sample` with saved words inside a transaction."""
    portal = session.get(Portal, portal_id)
    if portal is None:
        raise LookupError("no such portal")
    policy, _ = policies.load(session, portal_id)
    stage = _scene(session, portal, policy, now)
    client, people = _client(session, stage, key, language, local_day(now, zone_named(policy.time_zone)))
    asked = Invitation(
        id=0, wave_client_id=0, contact_id=0, name=" ".join(people.names[0]).strip(), address="", token="",
        language=language, touches={"announcement": now.isoformat()},
    )  # fmt: skip
    made = draft(stage, people, asked, letter, "sample", None)
    if isinstance(made, Draft):
        return Sample(client, replace(made, test=True))
    invented = Sender("sample", None, *(text(language, _SENDER[name]) for name in ("name", "position")))
    lonely = replace(
        stage, policy=replace(policy, senders=(invented,), default_sender="sample", head_sender="")
    )
    signed = _signed(lonely, people, asked, letter, invented)
    return Sample(client, replace(signed, test=True), made)


def _signed(stage: Scene, people: Cast, asked: Invitation, letter: LetterKind, sender: Sender) -> Draft:
    return Draft(
        key="sample", kind=letter, language=asked.language, sender=sender, recipient_name=asked.name,
        recipient_address="", facts=facts(stage, people, asked, sender),
        own=stage.own.get((letter, known(asked.language))),
        line=ClientKey("company", 0) if stage.direct_line else None,
    )  # fmt: skip


def _scene(session: Session, portal: Portal, policy: Policy, now: datetime) -> Scene:
    """What all letters share: of the survey that runs or comes next, else of one planned by today's settings."""
    calendar = calendar_for(portal, policy, now)
    found = overviews.current_wave(session, portal.id)
    days = _next(policy, calendar, local_day(now, zone_named(policy.time_zone)))
    name = str(days.start.year)
    if found is not None and found.wave.stage not in overviews.OVER:
        name = found.wave.name
        try:
            days = Plan.from_json(found.wave.plan)
        except (KeyError, ValueError, TypeError):
            pass
    return Scene(
        portal=portal, wave=Wave(portal_id=portal.id, name=name), policy=policy, plan=days, calendar=calendar,
        team=policies.team(session, portal.id), agency=agency_name(session, portal),
        services=pipelines(session, portal.id), own=letter_texts.in_use(session, portal.id),
        direct_line=policy.direct_line,
    )  # fmt: skip


def _next(policy: Policy, calendar: PortalCalendar, today: date) -> Plan:
    """The next survey by these settings; where none is planned by itself, one that begins as soon as it may."""
    soonest = today + timedelta(days=policy.announce_days)
    starts = (wave_start(year, policy) for year in (today.year, today.year + 1))
    start = next((day for day in starts if day and day >= soonest), soonest)
    return plan(start, policy, calendar.letters)


def _client(
    session: Session, stage: Scene, key: str, language: str, today: date
) -> tuple[SampleClient, Cast]:
    """The line a client would have on a list made today, and its person; an invented one for an unknown key."""
    policy, portal_id = stage.policy, stage.portal.id
    wanted = _key(key)
    zone = zone_named(policy.time_zone)
    clients = snapshots.clients_by_key(session, portal_id, policy, zone, [wanted], None) if wanted else {}
    if wanted is None or wanted not in clients:
        return _invented(stage, language)
    client = clients[wanted]
    through = current_through(client, policy, today) or max(
        client.deals, key=lambda deal: deal.id, default=None
    )
    people = snapshots.people(session, portal_id, [wanted]).get(wanted, [])
    primary = snapshots.deal_contacts(session, portal_id, [through.id]).get(through.id) if through else None
    person = min(people, key=lambda one: (one.contact_id != primary, one.contact_id), default=None)
    line = WaveClient(
        id=0, client_kind=wanted.kind, client_id=wanted.id, name=client.name, city=client.city,
        deal_id=through.id if through else None, manager_id=manager_of(client, through),
    )  # fmt: skip
    cast = Cast(
        clients={0: line},
        names={0: (person.name, person.last_name) if person else ("", "")},
        categories={through.id: through.category_id} if through else {},
    )
    return SampleClient(key, client.name), cast


def _key(written: str) -> ClientKey | None:
    try:
        key = ClientKey.parse(written)
    except ValueError:
        return None
    return key if 0 < key.id < 2**31 else None


def _invented(stage: Scene, language: str) -> tuple[SampleClient, Cast]:
    """A client nobody has: somebody's name, the first service of the agency, the first employee."""
    policy = stage.policy
    signing = {sender.user_id for sender in policy.senders}
    manager = next((n for n, who in stage.team.staff.items() if who.active and n not in signing), None)
    category = next((n for n in (*policy.service_pipelines, *stage.services) if stage.services.get(n)), None)
    name = text(language, _NAMES["client"])
    line = WaveClient(
        id=0, client_kind="company", client_id=0, name=name, city="", deal_id=1, manager_id=manager
    )
    cast = Cast(
        clients={0: line},
        names={0: (text(language, _NAMES["first"]), text(language, _NAMES["last"]))},
        categories={} if category is None else {1: category},
    )
    return SampleClient("", name), cast


__all__ = [
    "FOUND", "TOKEN", "MissingFact", "Sample", "SampleClient", "find", "in_session", "languages", "sample",
    "shown", "told", "written",
]  # fmt: skip
