"""Whether anybody says, or ever said, anything about a recommendation near a card: one query (product.md R2).

Most cards that change have nothing to do with recommendations. Asking the database whether anything is said on the
client's cards costs one answer, however many deals the client has; loading them to look would cost all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    String,
    and_,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    union,
    union_all,
)
from sqlalchemy.orm import Session

from integration.nps.people import CardKey
from integration.store.clients import Company, Contact, ContactCompany, Deal, Lead
from integration.store.referral_rows import CardMove, Referral, ReferralClaim, ReferralMark

MOST_PEOPLE = 200  # of one company, as in `sales`
_FIELDS = ("UF_CRM_MOLVA_REFERRAL_SOURCE", "UF_CRM_MOLVA_REFERRER", "UF_CRM_MOLVA_REFERRAL_DATE")
_EMPTY = ("", "0", "0.0", "false", "null", "[]")
_TABLES: dict[str, Any] = {"deal": Deal, "company": Company, "contact": Contact, "lead": Lead}


def linked_people(session: Session, portal_id: int, company_ids: Sequence[int]) -> list[int]:
    """Contacts that stand in these companies, at most two hundred."""
    statement = select(ContactCompany.contact_id).where(
        ContactCompany.portal_id == portal_id, ContactCompany.company_id.in_(company_ids)
    )
    return (
        list(session.scalars(statement.order_by(ContactCompany.contact_id).limit(MOST_PEOPLE)))
        if company_ids
        else []
    )


def linked_companies(session: Session, portal_id: int, contact_id: int) -> list[int]:
    """Companies a contact stands in, or whose deals name this contact first."""
    stands = select(ContactCompany.company_id).where(
        ContactCompany.portal_id == portal_id, ContactCompany.contact_id == contact_id
    )
    named = select(Deal.company_id).where(
        Deal.portal_id == portal_id, Deal.contact_id == contact_id, Deal.company_id.is_not(None)
    )
    return sorted({one for one in session.scalars(union(stands, named)) if one})


def anything_said(
    session: Session, portal_id: int, companies: Sequence[int], contacts: Sequence[int], leads: Sequence[int],
    deals: Sequence[int], recommendation: str,
) -> bool:  # fmt: skip
    """Whether one of these cards, a card of these clients, of their deals, the people of those, or the leads they came
    from says anything about a recommendation, or did once, or is part of one. `recommendation`: the portal's own
    source, "" for none.
    """
    near = _near(portal_id, companies, contacts)
    cards = _cards(portal_id, near, {"company": companies, "contact": contacts, "lead": leads, "deal": deals})
    parts = [_says(portal_id, kind, cards, recommendation) for kind in _TABLES]
    parts += [
        _known(portal_id, Referral.newcomer_kind, Referral.newcomer_id, Referral.portal_id, cards),
        _known(portal_id, ReferralClaim.card_kind, ReferralClaim.card_id, ReferralClaim.portal_id, cards),
        _known(portal_id, ReferralMark.card_kind, ReferralMark.card_id, ReferralMark.portal_id, cards),
        _known(portal_id, ReferralMark.via_kind, ReferralMark.via_id, ReferralMark.portal_id, cards),
        _moved_from_one(portal_id, cards),
    ]
    return bool(session.scalar(select(or_(*parts))))


def _near(portal_id: int, companies: Sequence[int], contacts: Sequence[int]) -> CTE:
    """Their deals, each as often as it is found; three ways, so that each has an index of its own."""
    ways: list[ColumnElement[bool]] = [
        and_(Deal.client_kind == "company", Deal.client_id.in_(companies)),
        and_(Deal.client_kind == "contact", Deal.client_id.in_(contacts)),
        Deal.contact_id.in_(contacts),
    ]
    columns = (Deal.id, Deal.lead_id, Deal.contact_id)
    chosen = [
        select(*columns).where(Deal.portal_id == portal_id, Deal.deleted_at.is_(None), way) for way in ways
    ]
    return union_all(*chosen).cte("near")


def _cards(portal_id: int, near: CTE, given: Mapping[str, Sequence[int]]) -> CTE:
    """Kind and number of every card that may belong together with those given."""
    themselves = [
        select(literal(kind).label("kind"), _TABLES[kind].id.label("id")).where(
            _TABLES[kind].portal_id == portal_id, _TABLES[kind].id.in_(numbers)
        )
        for kind, numbers in given.items()
    ]
    led = select(literal("contact"), Contact.id).where(
        Contact.portal_id == portal_id, Contact.lead_id == near.c.lead_id, near.c.lead_id.is_not(None)
    )
    came = [
        select(literal("lead"), table.lead_id).where(
            table.portal_id == portal_id, table.id.in_(numbers), table.lead_id.is_not(None)
        )
        for table, numbers in ((Company, given["company"]), (Contact, given["contact"]))
    ]
    also = select(literal("contact"), Contact.id).where(
        Contact.portal_id == portal_id, Contact.lead_id.in_(given["lead"]), Contact.lead_id.is_not(None)
    )
    return union(
        *themselves,
        select(literal("deal"), near.c.id),
        select(literal("lead"), near.c.lead_id).where(near.c.lead_id.is_not(None)),
        select(literal("contact"), near.c.contact_id).where(near.c.contact_id.is_not(None)),
        led, *came, also,
    ).cte("cards")  # fmt: skip


def _says(portal_id: int, kind: str, cards: CTE, recommendation: str) -> ColumnElement[bool]:
    table = _TABLES[kind]
    said = [
        func.coalesce(cast(table.referral[code].as_string(), String), "").not_in(_EMPTY) for code in _FIELDS
    ]
    if recommendation and kind in ("deal", "lead"):
        said.append(table.source_id == recommendation)
    return exists(
        select(literal(1))
        .select_from(cards)
        .join(table, and_(table.portal_id == portal_id, table.id == cards.c.id))
        .where(cards.c.kind == kind, or_(*said))
    )


def _known(portal_id: int, kind: Any, number: Any, portal: Any, cards: CTE) -> ColumnElement[bool]:
    return exists(
        select(literal(1))
        .select_from(cards)
        .join(kind.class_, and_(portal == portal_id, kind == cards.c.kind, number == cards.c.id))
    )


def _moved_from_one(portal_id: int, cards: CTE) -> ColumnElement[bool]:
    """Whether a card came here from a client whose own coming is known, perhaps because the two were merged."""
    here = and_(
        CardMove.portal_id == portal_id, CardMove.card_kind == cards.c.kind, CardMove.card_id == cards.c.id
    )
    whose = and_(
        Referral.portal_id == portal_id, Referral.newcomer_kind == CardMove.from_kind,
        Referral.newcomer_id == CardMove.from_id,
    )  # fmt: skip
    return exists(select(literal(1)).select_from(cards).join(CardMove, here).join(Referral, whose))


def has_moved(session: Session, portal_id: int, card: CardKey) -> bool:
    """Whether a card has ever left a company or person."""
    statement = select(CardMove.id).where(
        CardMove.portal_id == portal_id, CardMove.card_kind == card.kind, CardMove.card_id == card.id
    )
    return session.scalar(statement.limit(1)) is not None
