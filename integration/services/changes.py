"""What follows when a card was seen changed, whoever told: an event, reconciliation, the nightly walk."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from integration.logs import log
from integration.services import policies, referrals, wave_changes
from integration.services.deps import Deps
from integration.store import portals as portal_rows


def changed(deps: Deps, session: Session, portal_id: int, kind: str, card_id: int) -> None:
    """Look at a card's consequences; what they are goes into the outbox with the caller's commit (product.md R2)."""
    wave_changes.on_cards(session, portal_id, kind, [card_id], deps.clock.now())
    portal = portal_rows.get(session, portal_id)
    if portal is not None:
        referrals.on_card_changed(deps, session, portal, kind, card_id)


def gone(deps: Deps, session: Session, portal_id: int, kind: str, card_id: int) -> None:
    """Look at what it means that a card is not there any more: for those it had recommended (product.md R4), and for
    a survey under way (E5)."""
    wave_changes.on_cards(session, portal_id, kind, [card_id], deps.clock.now())
    portal = portal_rows.get(session, portal_id)
    if portal is not None:
        referrals.on_card_gone(deps, session, portal, kind, card_id)


def changed_all(deps: Deps, session: Session, portal_id: int, kind: str, card_ids: Iterable[int]) -> None:
    """The same for many cards; one that fails is logged and does not take the others along."""
    portal = portal_rows.get(session, portal_id)
    if portal is None:
        return
    card_ids = list(card_ids)
    wave_changes.on_cards(session, portal_id, kind, card_ids, deps.clock.now())
    policy, _ = policies.load(session, portal_id)
    for card_id in card_ids:
        try:
            with session.begin_nested():
                referrals.on_card_changed(deps, session, portal, kind, card_id, policy=policy)
        except Exception:
            log(__name__).exception("card.consequences_failed", portal=portal_id, kind=kind, card=card_id)
