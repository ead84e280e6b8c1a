"""Letters leave: each is looked at once more, noted as handed over, handed over, and its fate recorded.

The note is committed before the hand-over, one letter at a time, together with the record of the one before: a worker
that dies in between leaves one letter of unknown fate for each way it was busy with, which is shown to people and never
sent again by itself.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from integration.nps.letters import THANKS_LETTERS
from integration.services import letter_fates, letter_look, letter_routes, thanks, traces, turns
from integration.services.deps import Deps, MailError
from integration.services.letter_drafts import MAIN_LETTERS as MAIN_LETTERS
from integration.services.letter_look import PAUSE, Rules, Verdict
from integration.services.letter_routes import Key, Route
from integration.store import letter_marks, letter_ways, queue
from integration.store import letters as rows
from integration.store.base import Sessions, at_once, one_connection, reading, transaction
from integration.store.letters import LetterRow

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)


def drain(deps: Deps, limit: int = 100) -> bool:
    """Send what is due, at most `limit` letters by each way; True if there was anything to do.

    Ways take turns, so that a slow server keeps only its own letters. Without a mail server letters wait
    (interface.md 3).
    """
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        if not rows.anything_due(session, now):
            return False
    with transaction(deps.sessions) as session:
        found = rows.settle_unknown(session, now) > 0
    ways: dict[int, Key] = {}

    def due() -> list[int]:
        with reading(deps.sessions) as session:
            ways.update({key.number: key for key in letter_routes.due(deps, session, deps.clock.now())})
        return list(ways)

    return turns.in_turn(due, lambda number: _portion(deps, ways[number], limit)) or found


def _portion(deps: Deps, key: Key, limit: int) -> bool:
    """Some letters by one way; False if there was none."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        claimed = queue.claim(
            session, LetterRow, now=now, owner=deps.settings.worker_name, lease=LEASE, limit=limit,
            where=LetterRow.handed_at.is_(None) & key.letters,
        )  # fmt: skip
    if claimed:
        route = letter_routes.opened(deps, key)
        try:
            with one_connection(deps.sessions) as sessions, at_once(deps.sessions) as swift:
                _Portion(deps, sessions, swift, route).over(claimed)
        finally:
            route.close()
    return bool(claimed)


@dataclass(slots=True)
class _Portion:
    """One worker's run over the letters it has claimed for one way. `handed`: the letter whose fate is to be recorded;
    `slow`: mailboxes whose pace is used up, whose letters have been put off.
    """

    deps: Deps
    sessions: Sessions
    swift: Sessions | None
    route: Route
    rules: Rules = field(default_factory=Rules)
    handed: tuple[LetterRow, MailError | int | None] | None = None
    slow: set[tuple[int, str]] = field(default_factory=set)

    def over(self, claimed: list[LetterRow]) -> None:
        """Letter by letter; what is left when the way is out of reach, or the process is to end, comes back later.

        One that fails by a fault of ours keeps its lease, and is of unknown fate if it was handed over; others go on.
        """
        failed: Exception | None = None
        for place, row in enumerate(claimed):
            if turns.giving_way.get()():
                self._give_back(claimed[place:], "")
                return
            try:
                with traces.work([row]):
                    if not self._turn(row):
                        continue
                    now = self.deps.clock.now()
                    self.handed = (row, self.route.send(row, now))
            except OperationalError:
                raise  # the database itself
            except Exception as error:
                log.error("letter failed", extra={"portal": row.portal_id, "letter": row.id})
                failed = failed or error
                continue
            if letter_routes.is_down(self.handed[1]):
                self._give_back(claimed[place + 1 :], "server_down")
                return
        with transaction(self.sessions) as session:
            self._record(session)
        self._told()
        if failed is not None:
            raise failed

    def _turn(self, row: LetterRow) -> bool:
        """Record the letter before and look at this one, in one commit; True: it is noted as handed over."""
        try:
            sends = self._at_once(row) or self._in_order(row)
        except Exception:
            # What is wrong with one letter must not touch the record of the other.
            with transaction(self.deps.sessions) as session:
                self._record(session)
            self.handed = None
            raise
        self._told()
        return sends

    def _at_once(self, row: LetterRow) -> bool:
        """Where single statements commit by themselves: look, then record and note in one. False: not that simple."""
        if self.swift is None or not self._plain():
            return False
        now = self.deps.clock.now()
        with transaction(self.swift) as session:
            if not letter_look.clear(session, row, self.rules, now, counted=False):
                return False
            return self._pass_on(session, row, now)

    def _in_order(self, row: LetterRow) -> bool:
        now = self.deps.clock.now()
        with transaction(self.sessions) as session:
            if self._plain() and letter_look.clear(session, row, self.rules, now):
                return self._pass_on(session, row, now)
            self._record(session)
            return self._step(session, row, now)

    def _plain(self) -> bool:
        """Whether nothing is to be said of the letter before but that it was taken."""
        return self.handed is None or self.handed[1] is None

    def _pass_on(self, session: Session, row: LetterRow, now: datetime) -> bool:
        before = self.handed[0] if self.handed is not None else None
        return rows.pass_on(session, before, row, now, LEASE, self.route.key.way)

    def _record(self, session: Session) -> None:
        if self.handed is not None:
            with traces.work([self.handed[0]]):
                letter_fates.record(session, *self.handed, self.deps.clock.now())

    def _told(self) -> None:
        """What became of the letter before is recorded: tell the way."""
        if self.handed is not None:
            outcome, self.handed = self.handed[1], None
            self.route.said(outcome, self.deps.clock.now())

    def _step(self, session: Session, row: LetterRow, now: datetime) -> bool:
        if (row.portal_id, row.sender_address) in self.slow and row.kind != "test":
            return False
        verdict = letter_look.closely(session, row, self.rules, now)
        if verdict.act == "send" or (verdict.act in ("cancel", "rewrite") and _in_doubt(row, verdict)):
            return rows.hand_over(session, row, now, LEASE, self.route.key.way)
        self._not_now(session, row, verdict, now)
        return False

    def _not_now(self, session: Session, row: LetterRow, verdict: Verdict, now: datetime) -> None:
        until = verdict.until or now + PAUSE
        if verdict.act == "cancel":
            letter_fates.cancel(session, row, verdict.why, now)
        elif verdict.act == "rewrite":
            letter_fates.anew(session, row, verdict.why, now)
            if row.kind in THANKS_LETTERS:
                thanks.write_again(self.deps, session, row, now)
        elif verdict.act == "pace":
            letter_ways.make_wait(
                session, row.portal_id, row.sender_address, self.deps.settings.worker_name, now, until
            )
            self.slow.add((row.portal_id, row.sender_address))
        else:
            queue.retry(session, row, now, until, error=verdict.why)

    def _give_back(self, claimed: list[LetterRow], why: str) -> None:
        """The others come back: at once if the process is to end, else with the letter that found the way closed."""
        now = self.deps.clock.now()
        with transaction(self.deps.sessions) as session:
            self._record(session)
            for row in claimed:
                due = now + queue.backoff(row.attempts, row.id) if why else now
                queue.retry(session, row, now, due, error=why)
            if why and self.handed is not None:
                due = now + queue.backoff(self.handed[0].attempts, self.handed[0].id)
                letter_ways.put_off(session, self.route.key.letters, now, due)
        self._told()


def _in_doubt(row: LetterRow, verdict: Verdict) -> bool:
    """Whether the portal may have sent it already: that is looked up before it is taken back or written again."""
    return letter_marks.of(row) is not None and verdict.why not in ("portal_gone", "expired")
