"""Since when surveys after a project are on, and who turned them on: by that the letters are approved (W2, W16)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from integration.store import policies as rows

FIELD, STAGES = "project_surveys", "project_stages"
_AT_ONCE = 50  # versions of the settings read in one go


@dataclass(frozen=True, slots=True)
class TurnedOn:
    """The save with which they were turned on last, and since when each stage has been among those chosen, UTC."""

    at: datetime
    who: str
    stages: Mapping[str, datetime]

    @property
    def approval(self) -> str:
        """As the surveys of a month keep it."""
        return f"settings: {self.who}"[:200]


def turned_on(session: Session, portal_id: int) -> TurnedOn | None:
    """When and by whom; None while they are off."""
    found: TurnedOn | None = None
    stages: dict[str, datetime] = {}
    chosen: set[str] | None = None  # those that were among them in every version read so far
    before = 0
    while versions := rows.latest(session, portal_id, _AT_ONCE, before):
        for row in versions:
            if row.body.get(FIELD) is not True:
                return found
            listed = set(row.body.get(STAGES) or ())
            chosen = listed if chosen is None else chosen & listed
            stages |= dict.fromkeys(chosen, row.saved_at)
            found = TurnedOn(row.saved_at, row.author or "molva", stages)
        before = versions[-1].version
    return found
