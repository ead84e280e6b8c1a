"""What the cards say of a letter of a survey at the very moment it would leave: holds, gone cards, its signer (E5, W5).

A letter may wait for days, for an hour, for a portal or a mail server; people go on working with their cards meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast

from sqlalchemy.orm import Session

from integration.nps.intents import LetterKind
from integration.nps.letters import pick_sender, serves
from integration.nps.people import ClientKey, Team
from integration.nps.policy import Policy, Sender
from integration.nps.workdays import DAY, WorkCalendar, local_day, zone_named
from integration.services import wave_trouble
from integration.services.heirs import heir_of
from integration.store import dead_addresses, holds, responses, wave_cards, wave_queries
from integration.store.letters import LetterRow
from integration.store.waves import Invitation, Wave, WaveClient

AN_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Kept:
    """Why a letter may not leave as it is. `wait`: look again at `until`, UTC; `rewrite`: by another hand."""

    act: Literal["wait", "rewrite"]
    why: str
    until: datetime


def kept(
    session: Session, row: LetterRow, invitation: Invitation, wave: Wave | None, rules: Policy, today: Policy,
    team: Team, calendar: WorkCalendar, now: datetime,
) -> Kept | None:  # fmt: skip
    """Whether the cards keep a letter back. `rules`: of its wave; `today`, `team`: rules and employees of today."""
    zone = zone_named(invitation.time_zone or rules.time_zone)
    day = local_day(now, zone)
    hold = holds.quiet_until(session, row.portal_id, invitation)
    if hold is not None and hold > day:
        # Looked at daily, since people lift it on the card, too.
        return Kept("wait", "hold", min(calendar.opening(hold, zone), now + DAY))
    lines = wave_queries.clients_by_id(
        session, row.portal_id, invitation.wave_id, [invitation.wave_client_id]
    )
    line = lines.get(invitation.wave_client_id)
    if line is None or wave is None:
        return None
    key = wave_cards.key_of(line)
    if wave_cards.gone(session, row.portal_id, {key, ClientKey("contact", invitation.contact_id)}):
        return Kept("wait", "card_gone", now + AN_HOUR)  # the machine is about to follow it, or to end it
    if code := wave_trouble.held(session, wave, rules, [key]).get(key):
        return Kept("wait", code, calendar.opening(day + DAY, zone))
    managers = wave_cards.managers(session, row.portal_id, [line])[line.id]
    if signs_for_own(row, today, managers, team):
        return Kept("rewrite", "sender_serves_client", now)
    return None


def signs_for_own(row: LetterRow, today: Policy, managers: frozenset[int], team: Team) -> bool:
    """Whether the one who signs a letter serves the client, by employee or by address (product.md W5). `today`: the
    rules of today, since somebody else may sign under the same key by now (`nps.signers.of_today`)."""
    signer = today.sender(row.sender_key) or Sender(row.sender_key, email=row.sender_address)
    return serves(signer, managers, team) or serves(Sender("", email=row.sender_address), managers, team)


def somebody_signs(
    session: Session, row: LetterRow, invitation: Invitation, rules: Policy, team: Team
) -> bool:
    """Whether anybody may sign a letter of a survey now. `rules`: those of its wave with the signers of today."""
    served = _served(session, invitation)
    if served is None:
        return False
    line, managers = served
    return isinstance(pick_sender(cast("LetterKind", row.kind), line.city, managers, rules, team), Sender)


def thanks_useless(session: Session, row: LetterRow, invitation: Invitation | None, policy: Policy) -> str:
    """Why thanks that are due need not leave any more; empty if they should. `policy`: the rules of today."""
    if not policy.thanks_letters:
        return "thanks_off"
    if invitation is None or not invitation.address:
        return "invitation_gone"
    response = responses.response_of(session, row.portal_id, invitation.id)
    if response is None or response.status != "counted":
        return "not_counted"
    if dead_addresses.known(session, row.portal_id, [invitation.address]):
        return "address_refused"
    person = ClientKey("contact", invitation.contact_id)
    if wave_cards.gone(session, row.portal_id, [person]) and heir_of(session, row.portal_id, person) is None:
        return "card_gone"
    return ""


def thanks_signer_serves(
    session: Session, row: LetterRow, invitation: Invitation, today: Policy, team: Team
) -> bool:
    """Whether the one who signs these thanks has come to serve the client meanwhile (product.md W5)."""
    served = _served(session, invitation)
    return served is not None and signs_for_own(row, today, served[1], team)


def _served(session: Session, invitation: Invitation) -> tuple[WaveClient, frozenset[int]] | None:
    """The client of somebody who is asked, and the employees who serve it."""
    number, portal_id = invitation.wave_client_id, invitation.portal_id
    line = wave_queries.clients_by_id(session, portal_id, invitation.wave_id, [number]).get(number)
    return (line, wave_cards.managers(session, portal_id, [line])[line.id]) if line is not None else None
