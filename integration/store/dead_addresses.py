"""Addresses that do not take mail, why we think so, and who said that they do again (product.md W19)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, ForeignKey, String, delete, literal, select, union_all, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.nps.addresses import email_key
from integration.store.base import Base, UTCDateTime
from integration.store.clients import OptOut
from integration.store.upsert import insert_for


class DeadAddress(Base):
    """One address that refused for good or returned a letter; alive again once `revived_at` is set."""

    __tablename__ = "dead_addresses"

    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    address: Mapped[str] = mapped_column(String(255), primary_key=True)  # normalised
    source: Mapped[str] = mapped_column(String(16))  # smtp | bounce | staff
    code: Mapped[str] = mapped_column(String(64), default="")
    since: Mapped[datetime] = mapped_column(UTCDateTime)
    revived_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revived_by: Mapped[str] = mapped_column(String(200), default="")


def known(session: Session, portal_id: int, addresses: Collection[str] | None = None) -> set[str]:
    """Which addresses are dead, normalised: all of the portal, or those of `addresses`, however they are written."""
    statement = select(DeadAddress.address).where(
        DeadAddress.portal_id == portal_id, DeadAddress.revived_at.is_(None)
    )
    if addresses is not None:
        statement = statement.where(DeadAddress.address.in_({email_key(one) for one in addresses} - {""}))
    return set(session.scalars(statement))


def barred(
    session: Session, portal_id: int, handles: Collection[str], addresses: Collection[str]
) -> tuple[set[str], set[str]]:
    """Which of these handles (e-mail and phone keys, `contact:<id>`) said "never again", and which of these addresses
    are dead, normalised."""
    never = select(literal(True), OptOut.address).where(
        OptOut.portal_id == portal_id, OptOut.address.in_(sorted(set(handles)))
    )
    dead = select(literal(False), DeadAddress.address).where(
        DeadAddress.portal_id == portal_id, DeadAddress.revived_at.is_(None),
        DeadAddress.address.in_(sorted({email_key(one) for one in addresses} - {""})),
    )  # fmt: skip
    found: tuple[set[str], set[str]] = (set(), set())
    for said, address in session.execute(union_all(never, dead)):
        found[0 if said else 1].add(address)
    return found


def of(session: Session, portal_id: int, addresses: Collection[str]) -> dict[str, DeadAddress]:
    """What is known of these addresses, by normalised address; those that work again too."""
    statement = select(DeadAddress).where(
        DeadAddress.portal_id == portal_id,
        DeadAddress.address.in_({email_key(one) for one in addresses} - {""}),
    )
    return {row.address: row for row in session.scalars(statement)}


def put(session: Session, portal_id: int, address: str, source: str, code: str, now: datetime) -> bool:
    """Note that an address is dead. False: it was known, and since when stays; one that had been revived dies anew."""
    key = email_key(address)[:255]
    if not key:
        return False
    values = {"source": source[:16], "code": code[:64], "since": now, "revived_at": None, "revived_by": ""}
    insert = insert_for(session)(DeadAddress).values(portal_id=portal_id, address=key, **values)
    statement = insert.on_conflict_do_update(
        index_elements=["portal_id", "address"], set_=values, where=DeadAddress.revived_at.is_not(None)
    ).returning(DeadAddress.address)
    return session.execute(statement).first() is not None


def revive(session: Session, portal_id: int, address: str, who: str, now: datetime) -> bool:
    """An address works again. False: it was not dead."""
    statement = (
        update(DeadAddress)
        .where(
            DeadAddress.portal_id == portal_id,
            DeadAddress.address == email_key(address),
            DeadAddress.revived_at.is_(None),
        )
        .values(revived_at=now, revived_by=who[:200])
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1


def forget(session: Session, portal_id: int, addresses: Collection[str]) -> int:
    """Delete what is known of these addresses; how many there were (product.md T7)."""
    keys = {email_key(one) for one in addresses} - {""}
    statement = delete(DeadAddress).where(DeadAddress.portal_id == portal_id, DeadAddress.address.in_(keys))
    done = session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", done).rowcount


def forget_older(session: Session, portal_id: int, before: datetime) -> int:
    """Delete what was noted before a moment; how many there were (product.md T7)."""
    statement = delete(DeadAddress).where(DeadAddress.portal_id == portal_id, DeadAddress.since < before)
    done = session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", done).rowcount
