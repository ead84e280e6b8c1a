"""Who serves several clients at once: the responsible of their cards and of their open deals (product.md W10)."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from integration.nps.people import ClientKey
from integration.store.clients import Company, Contact, Deal


def owners(session: Session, portal_id: int, clients: Collection[ClientKey]) -> dict[ClientKey, set[int]]:
    """The employees who serve each of these clients, by its card and its open deals; two or three queries."""
    found: dict[ClientKey, set[int]] = {client: set() for client in clients}
    for kind, table in (("company", Company), ("contact", Contact)):
        numbers = sorted(client.id for client in clients if client.kind == kind)
        if not numbers:
            continue
        cards = select(table.id, table.assigned_by).where(table.portal_id == portal_id, table.id.in_(numbers))
        deals = select(Deal.client_id, Deal.assigned_by).where(
            Deal.portal_id == portal_id, Deal.client_kind == kind, Deal.client_id.in_(numbers),
            Deal.semantics == "P", Deal.recurring.is_(False), Deal.deleted_at.is_(None),
        )  # fmt: skip
        for number, user in [*session.execute(cards), *session.execute(deals)]:
            if user:
                found[ClientKey.parse(f"{kind}:{number}")].add(user)
    return found
