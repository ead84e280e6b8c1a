"""The field "clients brought" of companies and contacts: a number, so that the portal's lists can be sorted and
filtered by it (interface.md 5, product.md R7)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.services.calls_queue import Cause, lane_of, queue_fields
from integration.services.chore_types import Outcome
from integration.services.deps import Deps
from integration.store import chores, referral_tallies
from integration.store import portals as portal_rows
from integration.store import referrals as rows
from integration.store.base import transaction

BROUGHT = "UF_CRM_MOLVA_REFERRALS"
TALLY = "referral_tally"
STEP = 50  # cards in one transaction


def order(session: Session, portal_id: int, now: datetime) -> None:
    """Somebody may have brought one client more or less: count soon, once for all that changed together."""
    chores.schedule(session, portal_id, TALLY, now)


def settle(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """The chore `referral_tally`: order a write for each card whose number is not the true one.

    What is true is counted anew each time, so a number cannot drift and the order of events does not matter. Own
    writes come back as an event and change nothing here (product.md B6). A card that is gone is not written to.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = portal_rows.get(session, portal_id)
        if portal is None:
            return Outcome()
        found = referral_tallies.differences(session, portal_id, STEP)
        for one in found:
            turn = referral_tallies.keep(session, portal_id, one, now)
            if rows.card(session, portal_id, one.card.kind, one.card.id) is None:
                continue
            queue_fields(
                session, portal, one.card, {BROUGHT: one.brought}, purpose="tally",
                cause=Cause("referral", one.card.id), now=now, key=f"tally:{lane_of(one.card)}:{turn}",
            )  # fmt: skip
    return Outcome(now, {}) if len(found) == STEP else Outcome()
