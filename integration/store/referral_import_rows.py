"""Lists of past referrals as rows: what a file said, which cards it means, what came of it (product.md R, P4)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Date, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from integration.store.base import Base, UTCDateTime


class ReferralImport(Base):
    """One list. `origin`: file | sources (clients whom the portal's own source says to have come by recommendation).

    `stage`: looking (for the cards) | preview (a person decides) | applying | done | undoing | undone | dropped.
    `digest`: of the file, so that the same one is known again.
    """

    __tablename__ = "referral_imports"
    __table_args__ = (Index("ix_referral_imports_digest", "portal_id", "digest"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    origin: Mapped[str] = mapped_column(String(8), default="file")
    name: Mapped[str] = mapped_column(String(200))
    digest: Mapped[str] = mapped_column(String(64), default="")
    who: Mapped[str] = mapped_column(String(200))
    stage: Mapped[str] = mapped_column(String(10), default="looking")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    moved_at: Mapped[datetime] = mapped_column(UTCDateTime)  # when the stage began


class ReferralImportRow(Base):
    """One row of a list.

    `status`: new (not looked at yet) | ready (will be taken) | same (there already) | choose (a person picks a card) |
    rival (something else stands there; `replace` decides) | bad (`code` says why) | done | undone | kept (changed
    since, so it was not undone) | left (taken out by a person).

    `client_*`, `referrer_*`: the cards it names, 0: not known; `newcomer_*`: the newcomer the entry is about. `same`:
    email | phone that both have. `detail`: choices, chain, the other row, as card keys. `before`: what stood on the
    card, `target` among it, to go back to.
    """

    __tablename__ = "referral_import_rows"
    __table_args__ = (
        UniqueConstraint("import_id", "number"),
        Index("ix_referral_import_rows_status", "portal_id", "import_id", "status"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    import_id: Mapped[int] = mapped_column(ForeignKey("referral_imports.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    client: Mapped[str] = mapped_column(String(400))
    referrer: Mapped[str] = mapped_column(String(400), default="")
    day: Mapped[date | None] = mapped_column(Date)
    source: Mapped[str] = mapped_column(String(40), default="")
    note: Mapped[str] = mapped_column(String(500), default="")
    status: Mapped[str] = mapped_column(String(8), default="new")
    code: Mapped[str] = mapped_column(String(24), default="")
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    client_kind: Mapped[str] = mapped_column(String(8), default="")
    client_id: Mapped[int] = mapped_column(Integer, default=0)
    referrer_kind: Mapped[str] = mapped_column(String(8), default="")
    referrer_id: Mapped[int] = mapped_column(Integer, default=0)
    newcomer_kind: Mapped[str] = mapped_column(String(8), default="")
    newcomer_id: Mapped[int] = mapped_column(Integer, default=0)
    same: Mapped[str] = mapped_column(String(8), default="")
    replace: Mapped[bool] = mapped_column(Boolean, default=False)
    before: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
