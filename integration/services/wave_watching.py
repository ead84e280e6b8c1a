"""Watching a wave under way: its letters by state, and about when those that wait have left (product.md W2, W19)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from integration.nps.departures import last_leaves
from integration.nps.pace import pace_of
from integration.nps.policy import Policy
from integration.nps.workdays import zone_named
from integration.services.letter_drafts import calendar_for
from integration.store import mailboxes, wave_watch
from integration.store.portals import Portal
from integration.store.reports import Scope
from integration.store.wave_watch import LETTERS as LETTERS
from integration.store.wave_watch import LetterState as LetterState
from integration.store.waves import Wave

WRITTEN: tuple[LetterState, ...] = ("waiting", "sent", "unknown", "refused")


@dataclass(frozen=True, slots=True)
class Watch:
    """Letters by state. `due`: of those that wait, how many could leave now; `ends`: about when the last of these
    leaves, UTC, by the pace of the mailboxes; None: nobody can say."""

    letters: Mapping[LetterState, int]
    due: int
    ends: datetime | None

    @property
    def total(self) -> int:
        """All letters that were written and not taken back."""
        return sum(self.letters[state] for state in WRITTEN)


def read(session: Session, wave: Wave, scope: Scope, policy: Policy, now: datetime) -> Watch:
    """The pace is that of the mailboxes, whoever looks."""
    counts = wave_watch.letters(session, wave.portal_id, wave.id, scope)
    if not counts["waiting"]:
        return Watch(counts, 0, None)
    waiting = wave_watch.queue(session, wave.portal_id, wave.id, now)
    boxes = mailboxes.of(session, wave.portal_id)
    portal = session.get_one(Portal, wave.portal_id)
    calendar, zone = calendar_for(portal, policy, now).letters, zone_named(policy.time_zone)
    ends: list[datetime | None] = []
    for one in waiting:
        box = boxes.get(one.sender)
        pace = pace_of(box.per_hour if box else 0, box.per_day if box else 0, policy)
        ends.append(last_leaves(one.letters, pace, now, zone, calendar))
    known = [at for at in ends if at is not None]
    return Watch(
        counts, sum(one.letters for one in waiting), max(known) if known and len(known) == len(ends) else None
    )
