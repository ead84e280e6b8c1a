"""Referral source and referrer on their way from lead to deal to client (product.md R1, R2, R4, B5, B6)."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeAlias, cast

from sqlalchemy.orm import Session

from integration.bitrix.records import uf_enum
from integration.nps.attribution import Family, ReferralCard, carry
from integration.nps.people import CardKey, ClientKey
from integration.nps.workdays import local_day, zone_named
from integration.services import policies
from integration.services.calls_queue import Cause, lane_of
from integration.services.cards import referral_of
from integration.services.deps import Deps
from integration.services.writeback import REF_SOURCE, perform
from integration.store import referrals as rows
from integration.store.clients import Deal
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal


def on_card_changed(deps: Deps, session: Session, portal: Portal, kind: str, card_id: int) -> None:
    """A card was stored in the mirror: fill what is empty on it and on the cards of the same sale.

    Nothing a person set is touched, and our own write coming back as an event changes nothing any more.
    """
    if kind not in rows.TABLES or rows.card(session, portal.id, kind, card_id) is None:
        return
    policy, _ = policies.load(session, portal.id)
    today = local_day(deps.clock.now(), zone_named(portal.time_zone))
    for lead_id, deal, clients in _sales(session, portal.id, kind, card_id):
        cards = [_card(session, portal, CardKey("lead", lead_id)) if lead_id else None]
        cards.append(_card(session, portal, CardKey("deal", deal.id)) if deal else None)
        below = [found for key in clients if (found := _card(session, portal, key))]
        intents = carry(
            cards[0], cards[1], below, _family(session, portal.id, deal, clients), policy, today,
            partial(_referrer_of, session, portal),
        )  # fmt: skip
        perform(deps, session, portal, intents, Cause("card", card_id))


Sale: TypeAlias = tuple[int | None, Deal | None, list[CardKey]]  # lead, deal, newcomers


def _sales(session: Session, portal_id: int, kind: str, card_id: int) -> list[Sale]:
    """The sales a card belongs to: its lead, its deal, and the clients that came with this very deal."""
    if kind == "lead":
        deals = rows.deals_of_lead(session, portal_id, card_id)
        sales: list[Sale] = [(card_id, deal, _newcomers(session, portal_id, deal)) for deal in deals]
        return sales or [(card_id, None, rows.cards_of_lead(session, portal_id, card_id))]
    if kind == "deal":
        deal = rows.card(session, portal_id, "deal", card_id)
    else:
        deal = rows.first_deal(session, portal_id, kind, card_id)
    if deal is None:
        own = rows.card(session, portal_id, kind, card_id)
        return [(own.lead_id if own else None, None, [CardKey(cast("Any", kind), card_id)])]
    return [(deal.lead_id, deal, _newcomers(session, portal_id, deal))]


def _newcomers(session: Session, portal_id: int, deal: Deal) -> list[CardKey]:
    """Company and contact of a deal, if they came with it: it is their first, or all come from one lead.

    A later deal of an old client says nothing about how that client came.
    """
    found: list[CardKey] = []
    for kind, number in (("company", deal.company_id), ("contact", deal.contact_id)):
        card = rows.card(session, portal_id, kind, number)
        if card is None or number is None or (kind == "company" and card.own):
            continue
        first = rows.first_deal(session, portal_id, kind, number)
        if (first is not None and first.id == deal.id) or (deal.lead_id and card.lead_id == deal.lead_id):
            found.append(CardKey(cast("Any", kind), number))
    return found


def _card(session: Session, portal: Portal, key: CardKey) -> ReferralCard | None:
    """The card as it will stand once our writes on their way have arrived.

    Nothing for a card we have no business on: without our fields, with a source we cannot read (a value a
    person has just added to the list), or whose entry by us a person has cleared (product.md B5).
    """
    row = rows.card(session, portal.id, key.kind, key.id)
    if row is None or REF_SOURCE not in portal.fields.get(key.kind, {}):
        return None
    written = [(write.status, write.call["params"]["fields"]) for write in _writes(session, portal, key)]
    raw: dict[str, Any] = dict(row.referral or {})
    source_id = str(getattr(row, "source_id", "") or "")
    for status, fields in written:
        if status != "done":
            raw |= fields
            source_id = str(fields.get("sourceId", source_id))
    seen = referral_of(portal, key.kind, raw)
    ours = [str(fields[REF_SOURCE]) for _, fields in written if REF_SOURCE in fields]
    unreadable = bool(uf_enum(raw.get(REF_SOURCE))) and not seen.source
    if unreadable or (ours and not seen.source):
        return None
    by_us = bool(seen.source) and ours[-1:] == [uf_enum(raw.get(REF_SOURCE))]
    return ReferralCard(
        card=key,
        source=seen.source,
        referrer=seen.referrer,
        day=seen.day,
        source_id=source_id,
        ours=frozenset({"source"}) if by_us else frozenset(),
    )


def _writes(session: Session, portal: Portal, key: CardKey) -> list[OutboxRow]:
    return rows.writes(session, portal.id, lane_of(key))


def _referrer_of(session: Session, portal: Portal, client: ClientKey) -> ClientKey | None:
    """Who brought a client, by its card."""
    row = rows.card(session, portal.id, client.kind, client.id)
    return referral_of(portal, client.kind, row.referral or {}).referrer if row is not None else None


def _family(session: Session, portal_id: int, deal: Deal | None, clients: list[CardKey]) -> Family:
    """Everybody on the newcomer's side: they cannot have recommended themselves (product.md R4)."""
    companies = {key.id for key in clients if key.kind == "company"}
    contacts = {key.id for key in clients if key.kind == "contact"}
    if deal is not None:
        companies |= {deal.company_id} if deal.company_id else set()
        contacts |= {*deal.contact_ids, *([deal.contact_id] if deal.contact_id else [])}
    return Family.of(*rows.relatives(session, portal_id, companies, contacts))
