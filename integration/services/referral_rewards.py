"""What was promised or given for a recommendation: who said so, when, and what it is (product.md R5).

Molva pays nothing; it keeps what people say about it.
"""

from __future__ import annotations

from typing import Literal

from integration.services.deps import Deps
from integration.services.referral_rows import note as put_note
from integration.store.base import transaction
from integration.store.referral_rows import Referral

REWARDS = ("promised", "given", "none", "")  # "": nothing said yet
LONGEST_NOTE = 500
Status = Literal["done", "same", "gone", "bad", "too_long"]


def say(deps: Deps, portal_id: int, referral_id: int, reward: str, *, who: str, note: str = "") -> Status:
    """Keep what a person says about the reward, with one line of history. "" takes it back.

    `bad`: no such state; `same`: it stands so already, with the same note. Rights are the caller's business.
    """
    note = " ".join(note.split())
    if reward not in REWARDS:
        return "bad"
    if len(note) > LONGEST_NOTE:
        return "too_long"
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        row = session.get(Referral, referral_id, with_for_update=True)
        if row is None or row.portal_id != portal_id:
            return "gone"
        if (row.reward, row.reward_note) == (reward, note):
            return "same"
        was = row.reward
        row.reward, row.reward_note = reward, note
        row.reward_who, row.reward_at = (who[:200], now) if reward else ("", None)
        put_note(session, portal_id, row.id, "reward", now, who=who, note=note, reward=reward, was=was)
    return "done"
