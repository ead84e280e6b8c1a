"""What a letter of a wave says to one person: facts, sender, headers (product.md W5, W6, W20).

A `Scene` holds what all letters of a wave share, read once per transaction; `draft` fills in the person.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from integration.i18n import known
from integration.nps import letters as rules
from integration.nps import projects, signers
from integration.nps.intents import LetterKind
from integration.nps.letters import Judged, LetterProblem
from integration.nps.people import ClientFacts, ClientKey, Person, Team
from integration.nps.plans import Plan
from integration.nps.policy import Sender
from integration.services import letter_texts, policies
from integration.services.ground import Ground, ground
from integration.services.ground import calendar_for as calendar_for
from integration.services.letter_texts import Own
from integration.store import direct_lines, wave_cards, wave_queries
from integration.store import letters as letter_rows
from integration.store.answers import agency_name
from integration.store.clients import Contact, Deal
from integration.store.policies import pipelines
from integration.store.portals import Portal
from integration.store.waves import Invitation, Wave, WaveClient

# Letters bound by the gap and the wave.
MAIN_LETTERS = (
    "announcement", "invitation", "reminder", "last_reminder", "project_invitation", "project_reminder",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Draft:
    """A letter that is to be written. `key` makes it unique in its portal; moments are UTC.

    `facts` lack the links, which are made from `token`; `thread`: message ids of the letters it follows; `own`:
    the agency's words, where it has some. `test`: a sample for staff, whose links lead to nobody. `line`: the client
    whose direct line stands in the foot, None where there is none; `line_token`: of its link, if it has one already.
    """

    key: str
    kind: LetterKind
    language: str
    sender: Sender
    recipient_name: str
    recipient_address: str
    facts: Mapping[str, Any]
    token: str = ""
    invitation_id: int | None = None
    wave_id: int | None = None
    planned_for: datetime | None = None
    expires_at: datetime | None = None
    thread: tuple[str, ...] = ()
    own: Own | None = None
    test: bool = False
    line: ClientKey | None = None
    line_token: str = ""


@dataclass(frozen=True, slots=True)
class Scene(Ground):
    """A wave with its rules and calendar as they stood when it was frozen, and what its letters share."""

    team: Team
    agency: str
    services: Mapping[int, str]
    own: Mapping[tuple[str, str], Own] = field(default_factory=dict)
    direct_line: bool = False  # whether letters name it, by the rules of today (product.md S5)


@dataclass(frozen=True, slots=True)
class Cast:
    """Facts about the people of some invitations, read together."""

    clients: Mapping[int, WaveClient]
    names: Mapping[int, tuple[str, str]]  # contact -> first and last name as on the card today
    categories: Mapping[int, int]  # deal -> pipeline
    threads: Mapping[int, list[str]] = field(default_factory=dict)
    serving: Mapping[int, frozenset[int]] = field(default_factory=dict)  # line -> who serves the client
    direct: Mapping[ClientKey, str] = field(default_factory=dict)  # client -> token of its direct line

    def managers(self, line: WaveClient) -> frozenset[int]:
        """Who serves the client of a line: by the list, and by the card today (product.md W5)."""
        return self.serving.get(line.id, frozenset({line.manager_id} if line.manager_id else ()))


def scene(
    session: Session, wave: Wave, now: datetime, *, before: Scene | None = None, team: Team | None = None
) -> Scene:
    """Read what all letters of a wave share. Raises `LookupError` if the portal is gone.

    `before`: the same, read a moment ago for the people before these; wave and portal are read anew all the same.
    `team`: the portal's employees, if this transaction has read them.
    """
    if before is not None and before.wave.policy_version == wave.policy_version:
        portal = session.get(Portal, wave.portal_id)
        if portal is None:
            raise LookupError("no such portal")
        return replace(before, portal=portal, wave=wave, plan=Plan.from_json(wave.plan))
    under = ground(session, wave, now)
    portal, today = under.portal, policies.load(session, under.portal.id)[0]
    team = team or policies.team(session, portal.id)
    return Scene(
        portal=portal, wave=wave, policy=signers.of_today(under.policy, today, team), plan=under.plan,
        calendar=under.calendar, team=team, agency=agency_name(session, portal),
        services=pipelines(session, portal.id), own=letter_texts.in_use(session, portal.id),
        direct_line=today.direct_line,
    )  # fmt: skip


def plan_for(wave: Wave, plan: Plan, invitation: Invitation) -> Plan:
    """The days of one person: those of the wave, of a survey after a project the person's own (product.md W16)."""
    own = wave.kind == projects.KIND and invitation.own_plan
    return Plan.from_json(own) if own else plan


def casting(
    session: Session, portal_id: int, invitations: Collection[Invitation], wave_id: int, *,
    lines: Collection[WaveClient] = (),
) -> Cast:  # fmt: skip
    """Read the people of these invitations in a few statements. `lines`: of the list, if they are read already."""
    ids = {invitation.wave_client_id for invitation in invitations}
    clients = {line.id: line for line in lines} or wave_queries.clients_by_id(
        session, portal_id, wave_id, ids
    )
    contacts = select(Contact.id, Contact.name, Contact.last_name).where(
        Contact.portal_id == portal_id, Contact.id.in_({i.contact_id for i in invitations})
    )
    deals = select(Deal.id, Deal.category_id).where(
        Deal.portal_id == portal_id, Deal.id.in_({c.deal_id for c in clients.values() if c.deal_id})
    )
    return Cast(
        clients=clients,
        names={number: (name, last) for number, name, last in session.execute(contacts)},
        categories=dict(session.execute(deals).all()),
        threads=letter_rows.threads(session, portal_id, [i.id for i in invitations]),
        serving=wave_cards.managers(session, portal_id, clients.values()),
        direct=direct_lines.living(
            session, portal_id, {wave_cards.key_of(line) for line in clients.values()}
        ),
    )


def draft(
    stage: Scene,
    people: Cast,
    invitation: Invitation,
    letter: LetterKind,
    step: str,
    planned: datetime | None,
) -> Draft | LetterProblem:
    """One letter to one respondent, or why nobody can sign it (product.md W5)."""
    if stage.wave.kind == projects.KIND:
        letter = projects.LETTERS.get(letter, letter)
        stage = replace(stage, plan=plan_for(stage.wave, stage.plan, invitation))
    client = people.clients[invitation.wave_client_id]
    sender = rules.pick_sender(letter, client.city, people.managers(client), stage.policy, stage.team)
    if isinstance(sender, LetterProblem):
        return sender
    return Draft(
        key=f"{step}:{invitation.id}",
        kind=letter,
        language=invitation.language,
        sender=sender,
        recipient_name=invitation.name,
        recipient_address=invitation.address,
        facts=facts(stage, people, invitation, sender),
        token=invitation.token,
        invitation_id=invitation.id,
        wave_id=stage.wave.id,
        planned_for=planned,
        expires_at=_expires(stage, letter),
        thread=tuple(people.threads.get(invitation.id, ())),
        own=stage.own.get((letter, known(invitation.language))),
        line=wave_cards.key_of(client) if stage.direct_line else None,
        line_token=people.direct.get(wave_cards.key_of(client), ""),
    )


def facts(stage: Scene, people: Cast, invitation: Invitation, sender: Sender) -> dict[str, Any]:
    """Everything the templates may name, save the links."""
    client = people.clients[invitation.wave_client_id]
    first, last = people.names.get(invitation.contact_id, ("", invitation.name))
    judged = Judged(_service(stage, people, client), _judged_people(stage, client))
    head = stage.policy.sender(stage.policy.head_sender)
    return {
        **rules.letter_facts(
            Person(invitation.contact_id, name=first, last_name=last),
            ClientFacts(ClientKey("company", client.client_id), name=_client_name(client)),
            sender, judged, stage.wave.name, stage.plan,
        ),
        "agency": stage.agency,
        "calling": stage.plan.calling is not None and bool(invitation.phone),
        "announced": "announcement" in (invitation.touches or {}),
        "head_name": head.name if head else "",
        "head_signs": head is not None and head.key == sender.key,
    }  # fmt: skip


def _client_name(client: WaveClient) -> str:
    """A company's name; a person does not need to be told who they are."""
    return client.name if client.client_kind == "company" else ""


def _service(stage: Scene, people: Cast, client: WaveClient) -> str:
    category = people.categories.get(client.deal_id or 0)
    return stage.services.get(category, "") if category is not None else ""


def _judged_people(stage: Scene, client: WaveClient) -> tuple[str, ...]:
    manager = stage.team.staff.get(client.manager_id or 0)
    return (manager.name,) if manager and manager.name else ()


def _expires(stage: Scene, letter: LetterKind) -> datetime | None:
    """When a letter has become useless: an announcement on D, the question when the wave closes."""
    if letter == "announcement":
        return stage.plan.moment(stage.plan.calling or stage.plan.mailing, stage.calendar.letters)
    if letter in MAIN_LETTERS:
        return stage.plan.moment(stage.plan.closing, stage.calendar.letters)
    return None
