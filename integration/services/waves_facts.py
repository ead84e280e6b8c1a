"""A wave and its invitations as the rules see them, built from rows in one place (architecture.md 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from integration.nps.addresses import email_key, phone_key
from integration.nps.people import ClientKey, Exclusion
from integration.nps.touches import InvitationFacts, WaveState
from integration.services import wave_trouble
from integration.services.ground import Ground, Lines
from integration.services.letter_drafts import plan_for
from integration.store import call_facts, dead_addresses, wave_cards, wave_queries
from integration.store.clients import Company, Contact
from integration.store.waves import Invitation, WaveClient


def state_of(stage: Ground) -> WaveState:
    """The wave of a scene as it stands at this moment of the transaction."""
    wave = stage.wave
    return WaveState(
        id=wave.id,
        name=wave.name,
        stage=cast("Any", wave.stage),
        plan=stage.plan,
        approved_by=wave.approved_by,
        paused_from=cast("Any", wave.paused_from or None),
        ended_by=wave.closed_by if wave.closed_by != "molva" else "",
        why=str(wave.plan.get("why", "")),
        owner_tasks=frozenset(wave.plan.get("owner_tasks", ())),
    )


def state_for(stage: Ground, invitation: Invitation) -> WaveState:
    """The same as one person sees it: a survey after a project has days of its own (product.md W16)."""
    plan = plan_for(stage.wave, stage.plan, invitation)
    return state_of(stage) if plan is stage.plan else replace(state_of(stage), plan=plan)


def facts_of(
    session: Session,
    stage: Ground,
    people: Lines,
    invitations: Sequence[Invitation],
    *,
    known: InvitationFacts | None = None,
    gone: Mapping[ClientKey, datetime] | None = None,
    now: datetime | None = None,
) -> dict[int, InvitationFacts]:
    """What the machine must know about these invitations; `known`, `gone`: what was read before in this transaction.

    Calls are read only where the wave has any (product.md W7); who is in a caller's hands only with `now`.
    """
    if known is not None:
        only = invitations[0]
        return {only.id: _again(only, known)}
    answers = wave_queries.counted_answers(session, stage.portal.id, [i.id for i in invitations])
    cards = _cards(session, stage, people, invitations)
    keys = {key for invitation in invitations for key in _handles(invitation)}
    never = wave_queries.opt_outs(session, stage.portal.id, keys)
    dead = dead_addresses.known(session, stage.portal.id, {i.address for i in invitations})
    clients = {wave_cards.key_of(people.clients[i.wave_client_id]) for i in invitations}
    gone = gone if gone is not None else _deleted(cards)
    trouble = wave_trouble.held(session, stage.wave, stage.policy, clients)
    ids = [i.id for i in invitations] if stage.plan.calling else []
    calls = call_facts.calls_of(session, stage.portal.id, ids) if ids else {}
    in_hand = call_facts.in_hand(session, stage.portal.id, ids, now) if ids and now else {}
    found: dict[int, InvitationFacts] = {}
    for invitation in invitations:
        client = people.clients[invitation.wave_client_id]
        key = wave_cards.key_of(client)
        said_never, hold = _strictest(cards, invitation, client)
        found[invitation.id] = InvitationFacts(
            id=invitation.id,
            client=key,
            contact_id=invitation.contact_id,
            address=invitation.address,
            zone=invitation.time_zone or stage.policy.time_zone,
            language=invitation.language,
            sender=invitation.sender_key,
            touches=_moments(invitation),
            skipped=frozenset(invitation.skipped),
            last_letter_at=invitation.last_letter_at,
            answered=answers.get(invitation.id) == "counted",
            held=answers.get(invitation.id) == "held",
            opted_out=said_never or bool(never.intersection(_handles(invitation))),
            excluded=_exclusion(client),
            unreachable=not invitation.address or email_key(invitation.address) in dead,
            snoozed_until=invitation.snoozed_until,
            hold_until=hold,
            gone_at=_since(gone, key, ClientKey("contact", invitation.contact_id)),
            trouble=trouble.get(key, ""),
            outcome=cast("Any", invitation.outcome or None),
            phone=invitation.phone,
            calls=calls.get(invitation.id, ()),
            calls_over=cast("Any", invitation.calls_over),
            promised_at=invitation.promised_at,
            mail_from=invitation.mail_from,
            in_hand_until=in_hand.get(invitation.id),
            revoked=invitation.revoked_at is not None,
        )
    return found


def gone_cards(
    session: Session, stage: Ground, people: Lines, invitations: Sequence[Invitation]
) -> dict[ClientKey, datetime]:
    """Cards of these people and their clients that were deleted, or merged into others, since when."""
    clients = {wave_cards.key_of(people.clients[i.wave_client_id]) for i in invitations}
    persons = {ClientKey("contact", i.contact_id) for i in invitations}
    return wave_cards.gone(session, stage.portal.id, clients | persons)


def _since(gone: Mapping[ClientKey, datetime], *keys: ClientKey) -> datetime | None:
    return min((gone[key] for key in keys if key in gone), default=None)


def _again(invitation: Invitation, known: InvitationFacts) -> InvitationFacts:
    return replace(
        known,
        touches=_moments(invitation),
        skipped=frozenset(invitation.skipped),
        last_letter_at=invitation.last_letter_at,
    )


def _moments(invitation: Invitation) -> dict[str, datetime]:
    return {step: datetime.fromisoformat(at) for step, at in invitation.touches.items()}


def _handles(invitation: Invitation) -> list[str]:
    found = [email_key(invitation.address), phone_key(invitation.phone), f"contact:{invitation.contact_id}"]
    return [key for key in found if key]


def _exclusion(client: WaveClient) -> Exclusion | None:
    if client.reason != "excluded_by_hand":
        return None
    who, _, why = client.reason_detail.partition(": ")
    return Exclusion(who, why)


_Cards = dict[tuple[str, int], tuple[bool, date | None, datetime | None]]


def _cards(session: Session, stage: Ground, people: Lines, invitations: Sequence[Invitation]) -> _Cards:
    """Opt-out and hold as they stand on the cards today, and since when a card is gone; people may have changed that
    since the list was made (product.md E5)."""
    found: _Cards = {}
    contacts = {i.contact_id for i in invitations}
    contacts |= {c.client_id for c in people.clients.values() if c.client_kind == "contact"}
    companies = {c.client_id for c in people.clients.values() if c.client_kind == "company"}
    for kind, table, ids in (("contact", Contact, contacts), ("company", Company, companies)):
        statement = select(table.id, table.opted_out, table.hold_until, table.deleted_at).where(
            table.portal_id == stage.portal.id, table.id.in_(ids)
        )
        for number, opted_out, hold, gone in session.execute(statement) if ids else ():
            found[(kind, number)] = (opted_out, hold, gone)
    return found


def _deleted(cards: _Cards) -> dict[ClientKey, datetime]:
    return {
        ClientKey(cast("Any", kind), number): gone for (kind, number), (_, _, gone) in cards.items() if gone
    }


def _strictest(cards: _Cards, invitation: Invitation, client: WaveClient) -> tuple[bool, date | None]:
    mine = [cards.get(("contact", invitation.contact_id)), cards.get((client.client_kind, client.client_id))]
    known = [card for card in mine if card is not None]
    return any(card[0] for card in known), max((card[1] for card in known if card[1]), default=None)
