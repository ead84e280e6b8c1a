"""Reading everything about one client for the tab of its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from integration.nps.addresses import email_key, phone_key
from integration.nps.people import ClientKey, Person
from integration.nps.policy import Policy
from integration.nps.workdays import local_day
from integration.services import questions
from integration.services.card_rights import Subject
from integration.services.questions import ExtraSaid
from integration.store import call_yields, snapshots
from integration.store import cards_view as rows
from integration.store import holds as hold_rows
from integration.store.attempts import Attempt
from integration.store.cards_view import Asked, Line, Sent
from integration.store.clients import OptOut
from integration.store.followups import FollowUp
from integration.store.portals import Portal
from integration.store.replies import Reply, of_invitations
from integration.store.responses import ResponseRevision
from integration.store.waves import Wave


@dataclass(frozen=True, slots=True)
class Read:
    """Everything read about one client, for the parts of the tab."""

    portal: Portal
    policy: Policy
    zone: ZoneInfo
    now: datetime
    today: date
    subject: Subject
    client: ClientKey
    people: Sequence[Person]
    lines: Sequence[Line]
    asked: Sequence[Asked]  # of this client's lines
    elsewhere: Sequence[Asked]  # of its people under other clients
    versions: Mapping[int, list[ResponseRevision]]
    letters: Sequence[Sent]
    tasks: Sequence[FollowUp]
    holds: Sequence[hold_rows.Hold]
    acts: Sequence[hold_rows.ClientAct]
    opt_outs: Mapping[str, OptOut]
    replies: Sequence[Reply]  # to the letters of this client's lines
    attempts: Sequence[Attempt]  # calls to the people of these lines, those taken back too
    extra: Mapping[int, tuple[ExtraSaid, ...]]  # to extra questions, by answer
    wave: Wave | None
    names: Mapping[int, str]


def read(
    session: Session,
    portal: Portal,
    policy: Policy,
    found: Subject,
    client: ClientKey,
    now: datetime,
    zone: ZoneInfo,
) -> Read:
    """Read one client in a fixed number of queries."""
    pid = portal.id
    people = snapshots.people(session, pid, [client]).get(client, [])
    lines = rows.lines(session, pid, client)
    asked = rows.asked_of_lines(session, pid, [one.line.id for one in lines])
    contacts = {person.contact_id for person in people}
    mine = {one.invitation.id for one in asked}
    elsewhere = [
        one for one in rows.asked_of_contacts(session, pid, contacts) if one.invitation.id not in mine
    ]
    tasks = [row for row in rows.followups(session, pid, client) if _may_see(row, found)]
    line_managers = {one.line.manager_id for one in lines}
    wanted = {row.owner_id for row in tasks} | line_managers | set(found.managers)
    answered = [one.response.id for one in asked if one.response]
    return Read(
        portal=portal, policy=policy, zone=zone, now=now, today=local_day(now, zone), subject=found, client=client,
        people=people, lines=lines, asked=asked, elsewhere=elsewhere,
        versions=rows.revisions(session, pid, answered), extra=questions.of_responses(session, pid, answered),
        letters=rows.letters(session, pid, sorted(mine)), tasks=tasks,
        holds=hold_rows.holds_of(session, pid, client), acts=hold_rows.acts_of(session, pid, client),
        opt_outs=rows.opt_outs(session, pid, keys(people, [*asked, *elsewhere])),
        replies=of_invitations(session, pid, sorted(mine)),
        attempts=call_yields.of_people(session, pid, sorted(mine)),
        wave=rows.current_wave(session, pid),
        names=rows.staff_names(session, pid, {user for user in wanted if user}),
    )  # fmt: skip


def _may_see(row: FollowUp, found: Subject) -> bool:
    """What a client wrote past its manager is not told to those who serve it, unless they own the case or are the head
    to whom it was written (product.md S5)."""
    if row.kind != "direct_line" or row.owner_id == found.rights.user_id or found.rights.role == "head":
        return True
    serves = found.rights.user_id in found.owners | found.managers
    return found.rights.role in ("administrator", "director") and not serves


def keys(people: Sequence[Person], asked: Sequence[Asked]) -> set[str]:
    """The addresses under which these people may have said "never"."""
    found = {f"contact:{person.contact_id}" for person in people}
    for one in asked:
        found |= {email_key(one.invitation.address), phone_key(one.invitation.phone)}
    return found - {""}
