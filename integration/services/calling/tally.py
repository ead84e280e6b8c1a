"""What one caller has done, for the desk and for whoever runs a call centre (product.md W8)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from integration.nps.attempts import SPOKEN
from integration.nps.workdays import at_hour, local_day, zone_named
from integration.services.calling.types import Tally
from integration.store import attempts
from integration.store.portals import Portal


def of(session: Session, portal_id: int, holder: str, since: datetime, wave_id: int | None = None) -> Tally:
    """The calls a caller has recorded since a moment (UTC) that were not taken back, of one survey or of all."""
    done = attempts.done_by(session, portal_id, holder, since, sorted(SPOKEN), wave_id)
    return Tally(done.calls, done.reached, done.answers, done.refusals, done.promises, done.mailed)


def today(portal: Portal, now: datetime) -> datetime:
    """When the portal's own day began, UTC."""
    zone = zone_named(portal.time_zone or "UTC")
    return at_hour(local_day(now, zone), 0, zone)
