"""The end of a wave: outcomes complete, the result preliminary, later frozen (product.md W14, N1 to N6)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.services import wave_result
from integration.services.letter_drafts import Scene
from integration.store import wave_queries


def closed(session: Session, stage: Scene, now: datetime, *, who: str, late: bool = False) -> None:
    """Close a wave whose respondents all have an outcome; its result stays preliminary for `edit_days`."""
    wave = stage.wave
    wave.stage, wave.closed_at, wave.closed_by = "closed", now, who
    wave.result = result(session, stage)
    wave.step_due_at = stage.plan.moment(stage.plan.frozen_on, stage.calendar.letters)
    if wave.step_due_at <= now:
        wave.step_due_at = now
    # The personal links are taken back.
    wave_queries.look_at_all(session, wave.portal_id, wave.id, now, only_open=False)
    wave_queries.note(session, wave, now, "closed", who, "late" if late else wave.closed_why)


def freeze_result(session: Session, stage: Scene, now: datetime) -> None:
    """Write the result down for good, with the corrections made until now (product.md W14)."""
    wave = stage.wave
    wave.result = result(session, stage)
    wave.result_frozen_at, wave.step_due_at = now, None
    wave_queries.note(session, wave, now, "result_frozen")


def result(session: Session, stage: Scene) -> dict[str, Any]:
    """The numbers of a wave, JSON values only: `wave_result.numbers`, of everybody's clients."""
    return wave_result.numbers(session, stage.portal, stage.wave)
