"""What becomes of a letter, written down: sent, taken back, refused, of unknown fate, or tried again later (W14)."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from integration.services import dead_addresses
from integration.services.deps import MailError, MailRefused, MailUnknown
from integration.services.letter_drafts import MAIN_LETTERS
from integration.store import letters as rows
from integration.store import queue
from integration.store.letters import LetterRow
from integration.store.waves import Invitation

log = logging.getLogger(__name__)

GIVE_UP = timedelta(days=5)  # a letter without an end of its own is given up after so long,
TRIED = 12  # and so many attempts, some two hours: one that had waited for its day is not given up at the first "later"


def record(session: Session, row: LetterRow, outcome: MailError | int | None, now: datetime) -> None:
    """Write down what became of a letter that was handed over. A number: the e-mail in the portal's timeline."""
    if outcome is None:
        rows.sent(session, row, now)
    elif isinstance(outcome, int):
        queue.done(session, row, now, sent_at=now, error="", activity_id=outcome)
    elif isinstance(outcome, MailUnknown):
        log.warning("letter unknown", extra={"portal": row.portal_id, "letter": row.id})
        queue.done(session, row, now, status="unknown", error=str(outcome))
    elif isinstance(outcome, MailRefused):
        _refused(session, row, outcome, now)
    elif row.expires_at is None and now - row.created_at > GIVE_UP and row.attempts > TRIED:
        queue.bury(session, row, now, error=f"gave_up {outcome}", handed_at=None)
    else:
        due = now + queue.backoff(row.attempts, row.id)
        queue.retry(session, row, now, due, error=str(outcome), handed_at=None)


def cancel(session: Session, row: LetterRow, why: str, now: datetime) -> None:
    """Take a letter back; one that expired, or whose portal had gone, is named among the steps left out (W14)."""
    if not queue.done(session, row, now, status="cancelled", error=why):
        return
    step = row.key.rpartition(":")[0]
    if why not in ("expired", "portal_gone") or row.invitation_id is None or row.kind not in MAIN_LETTERS:
        return
    invitation = session.get(Invitation, row.invitation_id, with_for_update=True, populate_existing=True)
    if invitation is not None and step in invitation.touches:
        invitation.touches = {name: at for name, at in invitation.touches.items() if name != step}
        invitation.skipped = {**invitation.skipped, step: why}


def anew(session: Session, row: LetterRow, why: str, now: datetime) -> None:
    """Take a letter back and let the machine write it again; its key is free then (product.md W5)."""
    step = row.key.rpartition(":")[0]
    key = f"{row.key}:{row.id}"
    if not queue.done(session, row, now, status="cancelled", error=why, key=key):
        return
    invitation = session.get(Invitation, row.invitation_id, with_for_update=True, populate_existing=True)
    if invitation is not None and not invitation.outcome:
        invitation.touches = {name: at for name, at in invitation.touches.items() if name != step}
        moments = [datetime.fromisoformat(at) for at in invitation.touches.values()]
        invitation.last_letter_at, invitation.due_at = max(moments, default=None), now


def _refused(session: Session, row: LetterRow, outcome: MailRefused, now: datetime) -> None:
    """A refused address is marked: whoever is still to be asked at it is unreachable now (product.md W14)."""
    prefix = "address_refused" if outcome.recipient else "refused"
    log.info("letter refused", extra={"portal": row.portal_id, "letter": row.id, "code": outcome.code})
    if queue.bury(session, row, now, error=f"{prefix} {outcome}", handed_at=None) and outcome.recipient:
        dead_addresses.mark(session, row.portal_id, row.recipient_address, "smtp", outcome.code, now)
