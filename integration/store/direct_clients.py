"""What is known of a client that writes by its direct line: its newest line on a list, and a deal that lives (S5)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from integration.nps.people import ClientKey
from integration.store.clients import Deal
from integration.store.waves import WaveClient


def last_line(session: Session, portal_id: int, client: ClientKey) -> WaveClient | None:
    """The line of a client on the newest list it stood on."""
    statement = select(WaveClient).where(
        WaveClient.portal_id == portal_id,
        WaveClient.client_kind == client.kind,
        WaveClient.client_id == client.id,
    )
    return session.scalars(statement.order_by(WaveClient.id.desc()).limit(1)).first()


def living_deal(session: Session, portal_id: int, line: WaveClient | None) -> int | None:
    """The deal through which a client was chosen last, unless it was deleted since."""
    if line is None or line.deal_id is None:
        return None
    statement = select(Deal.id).where(
        Deal.portal_id == portal_id, Deal.id == line.deal_id, Deal.deleted_at.is_(None)
    )
    return session.scalar(statement)
