"""The surveys of a month end by themselves: when it is over, and everybody has an outcome (product.md W14, W16)."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from integration.nps.projects import month_of
from integration.nps.workdays import add_months, local_day, zone_named
from integration.services.letter_drafts import Scene
from integration.services.waves_close import closed
from integration.store import wave_queries

AGAIN = timedelta(hours=1)  # an outcome is missing that is about to come


def look(session: Session, stage: Scene, now: datetime) -> None:
    """Close the surveys of a month, or say when to look again. The caller holds the wave."""
    wave, zone = stage.wave, zone_named(stage.policy.time_zone)
    month = month_of(wave.name) or local_day(wave.planned_at, zone).replace(day=1)
    over = stage.calendar.letters.opening(add_months(month, 1), zone)
    if now < over:
        wave.step_due_at = over
    elif wave_queries.open_invitations(session, wave.portal_id, wave.id):
        wave.step_due_at = max(now + AGAIN, stage.plan.moment(stage.plan.closing, stage.calendar.letters))
    else:
        closed(session, stage, now, who="molva")
