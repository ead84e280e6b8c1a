"""A wave and its invitations as the rules see them, built from rows in one place (architecture.md 4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import literal, select, union_all
from sqlalchemy.orm import Session

from integration.nps.addresses import email_key, phone_key
from integration.nps.attempts import Call
from integration.nps.people import ClientKey, Exclusion
from integration.nps.touches import InvitationFacts, WaveState
from integration.services import wave_trouble
from integration.services.ground import Ground, Lines
from integration.services.letter_drafts import plan_for
from integration.store import call_facts, dead_addresses, wave_cards, wave_queries
from integration.store.clients import Company, Contact
from integration.store.waves import Invitation, WaveClient

#: Opt-out, hold and since when it is gone, of a card by kind and id.
_Cards = dict[tuple[str, int], tuple[bool, date | None, datetime | None]]


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
    made: Mapping[int, tuple[Call, ...]] | None = None,
    in_hand: Mapping[int, datetime] | None = None,
) -> dict[int, InvitationFacts]:
    """What the machine must know about these invitations; `known`, `gone`, `made` (calls), `in_hand` (until when they
    are in a caller's hands): what was read before in this transaction.

    Calls are read only where the wave has any (product.md W7); who is in a caller's hands only with `now`.
    """
    if known is not None:
        only = invitations[0]
        return {only.id: _again(only, known)}
    read = _read(session, stage, people, invitations, gone, now, made, in_hand)
    return {one.id: _built(stage, read, people.clients[one.wave_client_id], one) for one in invitations}


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read for all of some invitations at once: by invitation, by client, or as handles of persons."""

    answers: Mapping[int, str]
    cards: _Cards
    never: Collection[str]
    dead: Collection[str]
    gone: Mapping[ClientKey, datetime]
    trouble: Mapping[ClientKey, str]
    made: Mapping[int, tuple[Call, ...]]
    in_hand: Mapping[int, datetime]
    numbers: call_facts.Numbers


def _read(
    session: Session,
    stage: Ground,
    people: Lines,
    invitations: Sequence[Invitation],
    gone: Mapping[ClientKey, datetime] | None,
    now: datetime | None,
    made: Mapping[int, tuple[Call, ...]] | None,
    in_hand: Mapping[int, datetime] | None,
) -> _Read:
    portal_id, everyone = stage.portal.id, [i.id for i in invitations]
    cards = _cards(session, stage, people, invitations)
    keys = {key for invitation in invitations for key in _handles(invitation)}
    never, dead = dead_addresses.barred(session, portal_id, keys, {i.address for i in invitations})
    clients = {wave_cards.key_of(people.clients[i.wave_client_id]) for i in invitations}
    ids = everyone if stage.plan.calling else []
    if made is None or not ids:
        made = call_facts.calls_of(session, portal_id, ids) if ids else {}
    if in_hand is None or not ids:
        in_hand = call_facts.in_hand(session, portal_id, ids, now) if ids and now else {}
    return _Read(
        answers=wave_queries.counted_answers(session, portal_id, everyone), cards=cards, never=never, dead=dead,
        gone=gone if gone is not None else _deleted(cards),
        trouble=wave_trouble.held(session, stage.wave, stage.policy, clients), made=made, in_hand=in_hand,
        numbers=call_facts.numbers_of(session, portal_id, stage.wave.id, {i.phone for i in invitations}),
    )  # fmt: skip


def _built(stage: Ground, read: _Read, client: WaveClient, invitation: Invitation) -> InvitationFacts:
    """One invitation as the rules see it."""
    key = wave_cards.key_of(client)
    said_never, hold = _strictest(read.cards, invitation, client)
    never = said_never or invitation.id in read.numbers.never
    return InvitationFacts(
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
        answered=read.answers.get(invitation.id) == "counted",
        held=read.answers.get(invitation.id) == "held",
        opted_out=never or any(handle in read.never for handle in _handles(invitation)),
        excluded=_exclusion(client),
        unreachable=not invitation.address or email_key(invitation.address) in read.dead,
        snoozed_until=invitation.snoozed_until,
        hold_until=hold,
        gone_at=_since(read.gone, key, ClientKey("contact", invitation.contact_id)),
        trouble=read.trouble.get(key, ""),
        outcome=cast("Any", invitation.outcome or None),
        phone=invitation.phone,
        calls=read.made.get(invitation.id, ()),
        calls_over=cast("Any", invitation.calls_over),
        promised_at=invitation.promised_at,
        mail_from=invitation.mail_from,
        in_hand_until=read.in_hand.get(invitation.id),
        revoked=invitation.revoked_at is not None,
        same_number=invitation.id in read.numbers.taken,
    )


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


def _cards(session: Session, stage: Ground, people: Lines, invitations: Sequence[Invitation]) -> _Cards:
    """Opt-out and hold as they stand on the cards today, and since when a card is gone; people may have changed that
    since the list was made (product.md E5)."""
    found: _Cards = {}
    contacts = {i.contact_id for i in invitations}
    contacts |= {c.client_id for c in people.clients.values() if c.client_kind == "contact"}
    companies = {c.client_id for c in people.clients.values() if c.client_kind == "company"}
    parts = [
        select(literal(kind), table.id, table.opted_out, table.hold_until, table.deleted_at).where(
            table.portal_id == stage.portal.id, table.id.in_(ids)
        )
        for kind, table, ids in (("contact", Contact, contacts), ("company", Company, companies))
        if ids
    ]
    for kind, number, opted_out, hold, gone in session.execute(union_all(*parts)) if parts else ():
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
