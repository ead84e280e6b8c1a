"""What a change of a card means for a wave under way: its people are looked at, at once (product.md E5, W2).

Nothing is decided here. Whoever moves the wave reads the cards as they stand then (`waves_facts`, `wave_merges`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.orm import Session

from integration.store import wave_cards

KINDS = ("company", "contact", "deal")


def on_cards(session: Session, portal_id: int, kind: str, ids: Collection[int], now: datetime) -> None:
    """Cards were seen changed or gone. A few statements where a wave is under way, else one."""
    if kind not in KINDS or not ids:
        return
    waves = wave_cards.running(session, portal_id)
    if not waves:
        return
    clients = wave_cards.clients_of(session, portal_id, kind, ids)
    if clients:
        wave_cards.look_again(session, portal_id, waves, clients, now, only_open=True)
    # A card that is gone may have been merged into another: whoever has answered goes along with it, too.
    lost = set(wave_cards.gone(session, portal_id, {key for key in clients if key.kind == kind}))
    lost |= wave_cards.left_and_gone(session, portal_id, kind, ids)
    if lost:
        wave_cards.look_again(session, portal_id, waves, lost, now, only_open=False)
