"""Cards that belong to one sale, and the rows about who recommended whom (product.md R2, R4)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from functools import cache
from typing import Any, NamedTuple, cast

from sqlalchemy import Integer, and_, bindparam, delete, literal, literal_column, or_, select, update
from sqlalchemy import cast as as_type
from sqlalchemy.orm import Session, aliased

from integration.nps.people import CardKey, ClientKey
from integration.store.clients import Company, Contact, ContactCompany, Deal, Lead
from integration.store.outbox import OutboxRow
from integration.store.referral_rows import Referral, ReferralAct, ReferralClaim, ReferralMark

Card = Deal | Company | Contact | Lead
TABLES: dict[str, type[Card]] = {"deal": Deal, "company": Company, "contact": Contact, "lead": Lead}
UNSENT = ("waiting", "working", "buried")  # ordered; what was given up is sent again by hand
FARTHEST = 500  # links of a chain that are followed


def key_of(kind: str, number: int) -> CardKey:
    """The key of a card as rows name it."""
    return CardKey(cast("Any", kind), number)


def client_key(kind: str, number: int) -> ClientKey:
    """The key of a client as rows name it."""
    return ClientKey(cast("Any", kind), number)


class Link(NamedTuple):
    """One link of a chain: who brought `newcomer`, and the day of the claim."""

    newcomer: ClientKey
    referrer: ClientKey
    claimed_on: date | None


def card(session: Session, portal_id: int, kind: str, card_id: int | None) -> Any | None:
    """A mirrored card that is not deleted. `KeyError` for a kind that is not mirrored."""
    row: Any = session.get(TABLES[kind], (portal_id, card_id)) if card_id else None
    return row if row is not None and row.deleted_at is None else None


# --- cards


def relatives(
    session: Session, portal_id: int, companies: set[int], contacts: set[int]
) -> tuple[set[int], set[int]]:
    """These companies with all their contacts, and these contacts with all their companies."""
    links = select(ContactCompany.company_id, ContactCompany.contact_id).where(
        ContactCompany.portal_id == portal_id,
        ContactCompany.company_id.in_(companies) | ContactCompany.contact_id.in_(contacts),
    )
    rows = session.execute(links).all()
    return companies | {row.company_id for row in rows}, contacts | {row.contact_id for row in rows}


def writes(session: Session, portal_id: int, lanes: Collection[str]) -> list[OutboxRow]:
    """Referral writes to these cards that have not arrived yet, oldest first."""
    statement = select(OutboxRow).where(
        OutboxRow.portal_id == portal_id,
        OutboxRow.lane.in_(sorted(lanes)),
        OutboxRow.purpose == "referral",
        OutboxRow.status.in_(UNSENT),
    )
    return list(session.scalars(statement.order_by(OutboxRow.id))) if lanes else []


def named_cards(session: Session, portal_id: int, kind: str, after: int, limit: int) -> list[int]:
    """Cards by rising id behind `after` that name a source or a referrer."""
    table: Any = TABLES[kind]
    source, referrer = (
        table.referral[code].as_string() for code in ("UF_CRM_MOLVA_REFERRAL_SOURCE", "UF_CRM_MOLVA_REFERRER")
    )
    said = and_(source.is_not(None), source.not_in(("", "0", "false", "null")))
    named = and_(referrer.is_not(None), referrer.not_in(("", "0", "false", "null")))
    statement = (
        select(table.id)
        .where(table.portal_id == portal_id, table.id > after, table.deleted_at.is_(None), or_(said, named))
        .order_by(table.id)
    )
    return list(session.scalars(statement.limit(limit)))


# --- rows about newcomers


def of_newcomer(session: Session, portal_id: int, key: CardKey | ClientKey) -> Referral | None:
    """How a newcomer came, if anybody said."""
    return next(iter(of_newcomers(session, portal_id, [key])), None)


def of_newcomers(session: Session, portal_id: int, keys: Sequence[CardKey | ClientKey]) -> list[Referral]:
    """The rows of these newcomers, oldest first."""
    if not keys:
        return []
    statement = select(Referral).where(
        Referral.portal_id == portal_id, _keys(Referral.newcomer_kind, Referral.newcomer_id, keys)
    )
    return list(session.scalars(statement.order_by(Referral.id)))


def of_card(session: Session, portal_id: int, card: CardKey) -> list[Referral]:
    """The row of a newcomer that is this card, deleted or not, and the one that goes by this deal, oldest first."""
    keys = [card]
    if card.kind == "deal":
        deal = session.get(Deal, (portal_id, card.id))
        named = (("company", deal.company_id), ("contact", deal.contact_id)) if deal else ()
        keys += [key_of(kind, number) for kind, number in named if number]
    found = of_newcomers(session, portal_id, keys)
    return [
        row
        for row in found
        if card in (key_of(row.newcomer_kind, row.newcomer_id), key_of("deal", row.deal_id or 0))
    ]


def naming(session: Session, portal_id: int, keys: Sequence[CardKey | ClientKey]) -> list[Referral]:
    """Rows in which one of these cards is named, or counts, as the referrer, oldest first."""
    if not keys:
        return []
    found: dict[int, Referral] = {}
    for kind, number in (
        (Referral.named_kind, Referral.named_id),
        (Referral.referrer_kind, Referral.referrer_id),
    ):
        statement = select(Referral).where(Referral.portal_id == portal_id, _keys(kind, number, keys))
        found |= {row.id: row for row in session.scalars(statement)}
    return [found[number] for number in sorted(found)]


def brought(session: Session, portal_id: int, keys: Sequence[ClientKey], limit: int = 500) -> list[Referral]:
    """Whom these clients brought: rows that stand, oldest first."""
    if not keys:
        return []
    statement = select(Referral).where(
        Referral.portal_id == portal_id,
        Referral.problem == "",
        _keys(Referral.referrer_kind, Referral.referrer_id, keys),
    )
    return list(session.scalars(statement.order_by(Referral.id).limit(limit)))


def refused(session: Session, portal_id: int, limit: int) -> list[Referral]:
    """Rows that cannot stand because of a circle, oldest first: what made it may have changed."""
    statement = select(Referral).where(
        Referral.portal_id == portal_id, Referral.problem != "", Referral.problem == "cycle"
    )
    return list(session.scalars(statement.order_by(Referral.id).limit(limit)))


def unchecked(session: Session, portal_id: int, limit: int) -> list[Referral]:
    """Rows that name somebody whose addresses were not compared with the newcomer's yet, oldest first."""
    statement = select(Referral).where(
        Referral.portal_id == portal_id, Referral.named_id > 0, Referral.checked == "", Referral.problem == ""
    )
    return list(session.scalars(statement.order_by(Referral.id).limit(limit)))


def chain(session: Session, portal_id: int, key: ClientKey, limit: int = FARTHEST) -> list[Link]:
    """Who brought this client, who brought them, and so on: one query, at most `limit` links, circles or not."""
    given = {"portal": portal_id, "kind": key.kind, "number": key.id, "most": limit}
    return [
        Link(
            ClientKey(row.newcomer_kind, row.newcomer_id), ClientKey(row.referrer_kind, row.referrer_id),
            row.claimed_on,
        )
        for row in session.execute(_chain(), given)
    ]  # fmt: skip


@cache
def _chain() -> Any:
    """The walk upwards, put together once: building it takes longer than running it."""
    one, up = Referral, aliased(Referral)
    portal, most = bindparam("portal", type_=Integer), bindparam("most", type_=Integer)
    parts: list[Any] = [
        one.newcomer_kind.label("newcomer_kind"),
        one.newcomer_id.label("newcomer_id"),
        one.referrer_kind.label("referrer_kind"),
        one.referrer_id.label("referrer_id"),
        one.claimed_on.label("claimed_on"),
        as_type(literal(1), Integer).label("depth"),
    ]
    start = select(*parts).where(
        one.portal_id == portal, one.newcomer_kind == bindparam("kind"), one.newcomer_id == bindparam("number"),
        one.problem == "", one.referrer_id > 0,
    )  # fmt: skip
    walk = start.cte("walk", recursive=True)
    walk = walk.union_all(
        select(
            up.newcomer_kind, up.newcomer_id, up.referrer_kind, up.referrer_id, up.claimed_on, walk.c.depth + 1
        ).where(
            up.portal_id == portal, up.newcomer_kind == walk.c.referrer_kind,
            up.newcomer_id == walk.c.referrer_id, up.problem == "", up.referrer_id > 0, walk.c.depth < most,
        )
    )  # fmt: skip
    return select(walk).order_by(walk.c.depth)


# --- claims, marks, history


def claims_on(session: Session, portal_id: int, cards: Sequence[CardKey]) -> dict[CardKey, ReferralClaim]:
    """The claims stored for these cards."""
    if not cards:
        return {}
    statement = select(ReferralClaim).where(
        ReferralClaim.portal_id == portal_id, _keys(ReferralClaim.card_kind, ReferralClaim.card_id, cards)
    )
    return {key_of(row.card_kind, row.card_id): row for row in session.scalars(statement)}


def claims_of(session: Session, portal_id: int, newcomer: CardKey) -> list[ReferralClaim]:
    """All claims about a newcomer, the first dated one first."""
    statement = select(ReferralClaim).where(
        ReferralClaim.portal_id == portal_id,
        ReferralClaim.newcomer_kind == newcomer.kind,
        ReferralClaim.newcomer_id == newcomer.id,
    )
    order = (ReferralClaim.claimed_on, ReferralClaim.card_kind, ReferralClaim.card_id)
    return list(session.scalars(statement.order_by(*order)))


def drop_claims(session: Session, portal_id: int, cards: Sequence[CardKey]) -> None:
    """Forget the claims of cards on which nobody says anything any more."""
    if cards:
        session.execute(
            delete(ReferralClaim).where(
                ReferralClaim.portal_id == portal_id,
                _keys(ReferralClaim.card_kind, ReferralClaim.card_id, cards),
            )
        )


def marks(session: Session, portal_id: int, cards: Sequence[CardKey]) -> dict[CardKey, ReferralMark]:
    """What we last wrote on these cards."""
    if not cards:
        return {}
    statement = select(ReferralMark).where(
        ReferralMark.portal_id == portal_id, _keys(ReferralMark.card_kind, ReferralMark.card_id, cards)
    )
    return {key_of(row.card_kind, row.card_id): row for row in session.scalars(statement)}


def carried_from(session: Session, portal_id: int, card: CardKey) -> list[CardKey]:
    """Cards whose entry of ours came from this card, by number."""
    statement = select(ReferralMark.card_kind, ReferralMark.card_id).where(
        ReferralMark.portal_id == portal_id,
        ReferralMark.via_kind == card.kind,
        ReferralMark.via_id == card.id,
    )
    return [
        key_of(kind, number) for kind, number in session.execute(statement.order_by(ReferralMark.card_id))
    ]


def acts_of(session: Session, portal_id: int, referral_id: int) -> list[ReferralAct]:
    """The history of one row, oldest first."""
    statement = select(ReferralAct).where(
        ReferralAct.portal_id == portal_id, ReferralAct.referral_id == referral_id
    )
    return list(session.scalars(statement.order_by(ReferralAct.id)))


def hand_over_acts(session: Session, portal_id: int, gone: int, heir: int) -> None:
    """Two rows turned out to be one newcomer: the history goes along."""
    session.execute(
        update(ReferralAct)
        .where(ReferralAct.portal_id == portal_id, ReferralAct.referral_id == gone)
        .values(referral_id=heir)
        .execution_options(synchronize_session=False)
    )


def _keys(kind: Any, number: Any, keys: Sequence[CardKey | ClientKey]) -> Any:
    """Cards of these kinds and numbers, as one condition per kind."""
    by_kind: dict[str, list[int]] = {}
    for key in keys:
        by_kind.setdefault(key.kind, []).append(key.id)
    if not by_kind:
        return literal_column("1") == literal_column("0")
    return or_(*(and_(kind == name, number.in_(sorted(ids))) for name, ids in sorted(by_kind.items())))
