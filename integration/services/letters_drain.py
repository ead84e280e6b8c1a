"""Letters leave: each is looked at once more, noted as handed over, handed over, and its fate recorded.

The note is committed before the hand-over, one letter at a time: a worker that dies in between leaves one
letter of unknown fate, which is shown to people and never sent again by itself.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.orm import Session

from integration.nps.addresses import email_key
from integration.nps.people import Team
from integration.nps.policy import Policy
from integration.nps.workdays import zone_named
from integration.services import policies, traces
from integration.services.calendars import PortalCalendar
from integration.services.deps import Deps, MailError, MailLater, MailRefused, MailUnknown, OutgoingLetter
from integration.services.letter_drafts import calendar_for
from integration.services.letter_gate import kept
from integration.store import letters as rows
from integration.store import queue, wave_queries
from integration.store.base import reading, transaction
from integration.store.letters import LetterRow
from integration.store.portals import Portal
from integration.store.waves import Invitation, Wave

log = logging.getLogger(__name__)

MAIN_LETTERS = ("announcement", "invitation", "reminder", "last_reminder")  # bound by the gap and the wave
LEASE = timedelta(minutes=10)
PAUSE = timedelta(hours=1)  # how long a letter of a paused wave sleeps before it is looked at again
GIVE_UP = timedelta(days=5)  # a letter without an end of its own is given up after so long
SLACK = timedelta(hours=12)  # the gap counts days; a letter that left late in one hour does not move the next
_SERVER_DOWN = frozenset({"connection", "auth", "no_server", "421"})


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What to do with a letter that is due."""

    act: Literal["send", "wait", "cancel", "rewrite"]
    until: datetime | None = None
    why: str = ""


@dataclass(slots=True)
class _Rules:
    """Policies and calendars of the portals met in one drain."""

    known: dict[int, tuple[Portal, Policy, PortalCalendar]] = field(default_factory=dict)
    teams: dict[int, Team] = field(default_factory=dict)
    versions: dict[tuple[int, int], Policy] = field(default_factory=dict)

    def of(self, session: Session, portal_id: int, now: datetime) -> tuple[Portal, Policy, PortalCalendar]:
        if portal_id not in self.known:
            portal = session.get_one(Portal, portal_id)
            policy = policies.load(session, portal_id)[0]
            self.known[portal_id] = (portal, policy, calendar_for(portal, policy, now))
        return self.known[portal_id]

    def team(self, session: Session, portal_id: int) -> Team:
        """The employees of a portal."""
        if portal_id not in self.teams:
            self.teams[portal_id] = policies.team(session, portal_id)
        return self.teams[portal_id]

    def of_wave(self, session: Session, wave: Wave) -> Policy:
        """The rules a wave was frozen with."""
        key = (wave.portal_id, wave.policy_version)
        if key not in self.versions:
            self.versions[key] = policies.load_version(session, *key)
        return self.versions[key]


def drain(deps: Deps, limit: int = 100) -> bool:
    """Send what is due, at most `limit` letters; True if there was anything to do.

    Without a mail server letters wait (interface.md 3).
    """
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        if not rows.anything_due(session, now):
            return False
    with transaction(deps.sessions) as session:
        found = rows.settle_unknown(session, now) > 0
        if not deps.mailer.ready:
            return found
        claimed = queue.claim(
            session, LetterRow, now=now, owner=deps.settings.worker_name, lease=LEASE, limit=limit,
            where=LetterRow.handed_at.is_(None),
        )  # fmt: skip
    rules = _Rules()
    try:
        for place, row in enumerate(claimed):
            with traces.work([row]):
                left = _one(deps, row, rules)
            if not left:
                _give_back(deps, claimed[place + 1 :])
                break
    finally:
        deps.mailer.close()
    return found or bool(claimed)


def _one(deps: Deps, row: LetterRow, rules: _Rules) -> bool:
    """One letter. False: the server is out of reach, the others need not try now."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        verdict = _look(session, row, rules, now)
        if verdict.act == "cancel":
            _cancel(session, row, verdict.why, now)
            return True
        if verdict.act == "rewrite":
            _anew(session, row, verdict.why, now)
            return True
        if verdict.act == "wait":
            queue.retry(session, row, now, verdict.until or now + PAUSE, error=verdict.why)
            return True
        if not rows.hand_over(session, row, now, LEASE):
            return True
    outcome = deps.mailer.send([_outgoing(row, now)])[0]
    with transaction(deps.sessions) as session:
        _record(session, row, outcome, deps.clock.now())
    return not (isinstance(outcome, MailLater) and outcome.code in _SERVER_DOWN)


def _look(session: Session, row: LetterRow, rules: _Rules, now: datetime) -> _Verdict:
    """Whether a letter may leave at this very moment (product.md W2, W12)."""
    portal, policy, calendar = rules.of(session, row.portal_id, now)
    invitation = (
        session.get(Invitation, row.invitation_id, populate_existing=True) if row.invitation_id else None
    )
    wave = session.get(Wave, row.wave_id, populate_existing=True) if row.wave_id else None
    if useless := _useless(session, row, portal, invitation, wave, now):
        return _Verdict("cancel", why=useless)
    if portal.status not in ("active", "new"):
        return _Verdict("wait", now + PAUSE, f"portal_{portal.status}")
    if row.kind == "test":
        return _Verdict("send")
    if wave is not None and wave.stage == "paused" and row.kind in MAIN_LETTERS:
        return _Verdict("wait", now + PAUSE, "wave_paused")
    zone = zone_named((invitation.time_zone if invitation else "") or policy.time_zone)
    if row.kind in MAIN_LETTERS and invitation is not None and wave is not None:
        own = rules.of_wave(session, wave)
        back = kept(
            session, row, invitation, wave, own, rules.team(session, row.portal_id), calendar.letters, now
        )
        if back is not None:
            return _Verdict(back.act, back.until, back.why)
    earliest = calendar.letters.next_allowed(max(now, _after_gap(session, row, policy, now)), zone)
    if earliest > now:
        return _Verdict("wait", earliest, "hours")
    if policy.letters_per_hour and (
        rows.handed_since(session, row.portal_id, row.sender_address, now - timedelta(hours=1))
        >= policy.letters_per_hour
    ):
        return _Verdict("wait", now + timedelta(minutes=10), "pace")
    return _Verdict("send")


def _useless(
    session: Session,
    row: LetterRow,
    portal: Portal,
    invitation: Invitation | None,
    wave: Wave | None,
    now: datetime,
) -> str:
    """Why a letter need not leave any more; empty if it should (product.md W11, W12)."""
    if portal.status == "uninstalled":
        return "portal_gone"
    if row.expires_at is not None and now >= row.expires_at:
        return "expired"
    if row.kind == "test":
        return ""
    if row.invitation_id is not None and invitation is None:
        return "invitation_gone"
    if row.kind in MAIN_LETTERS and invitation is not None and (invitation.outcome or invitation.revoked_at):
        return invitation.outcome or "revoked"
    quiet = invitation.snoozed_until if invitation is not None and row.kind in MAIN_LETTERS else None
    if quiet is not None and quiet > now:  # said while a worker held the letter; the machine plans it anew
        return "snoozed"
    if row.kind in MAIN_LETTERS and wave is not None and wave.stage in wave_queries.DONE_STAGES:
        return f"wave_{wave.stage}"
    if wave_queries.opt_outs(session, row.portal_id, [email_key(row.recipient_address)]):
        return "opted_out"
    return ""


def _after_gap(session: Session, row: LetterRow, policy: Policy, now: datetime) -> datetime:
    """A person gets at most one letter of a wave in `letter_gap_days`, also after an outage (product.md W2)."""
    if row.kind not in MAIN_LETTERS:
        return now
    gap = timedelta(days=policy.letter_gap_days) - SLACK
    last = rows.last_handed(session, row.portal_id, row.recipient_address, MAIN_LETTERS, now - gap)
    return last + gap if last is not None else now


def _cancel(session: Session, row: LetterRow, why: str, now: datetime) -> None:
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


def _anew(session: Session, row: LetterRow, why: str, now: datetime) -> None:
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


def _record(session: Session, row: LetterRow, outcome: MailError | None, now: datetime) -> None:
    """Write down what became of a letter that was handed over."""
    if outcome is None:
        queue.done(session, row, now, sent_at=now, error="")
    elif isinstance(outcome, MailUnknown):
        log.warning("letter unknown", extra={"portal": row.portal_id, "letter": row.id})
        queue.done(session, row, now, status="unknown", error=str(outcome))
    elif isinstance(outcome, MailRefused):
        _refused(session, row, outcome, now)
    elif row.expires_at is None and now - row.created_at > GIVE_UP:
        queue.bury(session, row, now, error=f"gave_up {outcome}", handed_at=None)
    else:
        due = now + queue.backoff(row.attempts, row.id)
        queue.retry(session, row, now, due, error=str(outcome), handed_at=None)


def _refused(session: Session, row: LetterRow, outcome: MailRefused, now: datetime) -> None:
    """A refused address is marked: whoever is still to be asked at it is unreachable now (product.md W14)."""
    prefix = "address_refused" if outcome.recipient else "refused"
    log.info("letter refused", extra={"portal": row.portal_id, "letter": row.id, "code": outcome.code})
    if queue.bury(session, row, now, error=f"{prefix} {outcome}", handed_at=None) and outcome.recipient:
        wave_queries.look_at_address(session, row.portal_id, row.recipient_address, now)


def _give_back(deps: Deps, claimed: list[LetterRow]) -> None:
    """The server is out of reach: the other letters come back with it."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        for row in claimed:
            due = now + queue.backoff(row.attempts, row.id)
            queue.retry(session, row, now, due, error="server_down")


def _outgoing(row: LetterRow, now: datetime) -> OutgoingLetter:
    return OutgoingLetter(
        sender_key=row.sender_key,
        sender_name=row.sender_name,
        sender_address=row.sender_address,
        recipient_name=row.recipient_name,
        recipient_address=row.recipient_address,
        subject=row.subject,
        body_text=row.body_text,
        body_html=row.body_html,
        message_id=row.message_id,
        headers=row.headers,
        sent_at=now,
    )
