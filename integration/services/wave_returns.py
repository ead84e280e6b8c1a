"""Undoing an exclusion by hand: the client is on the list again, as if nobody had taken it off (product.md E7)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from integration.nps.touches import MACHINE
from integration.services.deps import Deps
from integration.services.waves_errors import WaveError
from integration.store import chores, rehearsals, wave_queries, wave_undo
from integration.store.base import transaction
from integration.store.waves import Wave, WaveClient

Returned = Literal["included", "anew", "nothing"]


def include(deps: Deps, portal_id: int, wave_id: int, line_id: int, who: str) -> Returned:
    """Put a client back on the list; both acts stay in the trail. `anew`: it was left out before its people were read,
    so a worker makes the list anew. `nothing`: there is no such line, or it is not excluded; twice is once.

    Raises `WaveError`: `is_over`, `by_machine` (the card is gone, or was merged into another), `not_invited` (the
    survey is approved, and the people of this client were never on its list).
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        wave = wave_queries.locked(session, portal_id, wave_id)
        line = wave_queries.clients_by_id(session, portal_id, wave_id, [line_id]).get(line_id)
        if wave is None or line is None or line.reason != "excluded_by_hand":
            return "nothing"
        if wave.stage in wave_queries.DONE_STAGES:
            raise WaveError("is_over", wave.name)
        if line.reason_detail.startswith(f"{MACHINE}: "):
            raise WaveError("by_machine", line.name)
        people = _people_again(session, wave, line, now)
        if not people and wave.approved_by:
            raise WaveError("not_invited", line.name)
        line.eligible, line.reason, line.reason_detail = True, "", ""
        wave_queries.note(session, wave, now, "included", who, f"{line.client_kind}:{line.client_id}")
        if people:
            return "included"
        made = rehearsals.last_list(session, portal_id, wave_id)
        cursor = {"wave": wave_id, "who": who[:200], "list": True, "made": made}
        chores.schedule(session, portal_id, f"rehearse:{wave_id}", now, cursor=cursor)
        return "anew"


def _people_again(session: Session, wave: Wave, line: WaveClient, now: datetime) -> int:
    """Open the invitations that the exclusion ended, and let the letters wait again that it took back; how many."""
    ended = wave_undo.excluded_people(session, wave.portal_id, wave.id, line.id)
    for one in ended:
        if one.outcome_at is not None:
            wave_undo.bring_letters_back(session, wave.portal_id, [one.id], one.outcome_at)
        one.outcome, one.outcome_at, one.outcome_detail, one.due_at = "", None, {}, now
    return len(ended)
