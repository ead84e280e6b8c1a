"""Tasks of ours in the portal: follow-ups (product.md F) and thanks for a recommendation (R5)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.services import followups, referral_thanks
from integration.store import followups as followup_rows
from integration.store import referral_thanks as thanks_rows


def is_ours(session: Session, portal_id: int, task_id: int) -> bool:
    """Whether a task event needs a look at all: events come for every task of the portal (product.md T2)."""
    if followups.is_ours(session, portal_id, task_id):
        return True
    return thanks_rows.by_task(session, portal_id, task_id) is not None


def changed(session: Session, portal_id: int, task_id: int, task: Any | None, now: datetime) -> None:
    """A task of ours changed: `bitrix.records.Task`, nothing if it was deleted."""
    followups.task_changed(session, portal_id, task_id, task, now)
    referral_thanks.task_changed(session, portal_id, task_id, task, now)


def open_ones(session: Session, portal_id: int) -> list[int]:
    """Ids of the tasks of ours that are not over, follow-ups first."""
    return [*followup_rows.open_tasks(session, portal_id), *thanks_rows.open_tasks(session, portal_id)]
