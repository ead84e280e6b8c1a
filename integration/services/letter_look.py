"""Whether a letter that is due may leave at this very moment (product.md W2, W11, W12, W19).

A letter may have waited for days; what clients, staff and cards have said meanwhile counts, up to the transaction that
notes its hand-over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.orm import Session

from integration.nps import pace as pacing
from integration.nps import signers
from integration.nps.addresses import email_key, person_keys
from integration.nps.letters import PROJECT_LETTERS, THANKS_LETTERS
from integration.nps.people import Team
from integration.nps.policy import Policy
from integration.nps.workdays import local_day, zone_named
from integration.services import policies
from integration.services.calendars import PortalCalendar
from integration.services.letter_drafts import MAIN_LETTERS, calendar_for
from integration.services.letter_gate import (
    kept,
    signs_for_own,
    somebody_signs,
    thanks_signer_serves,
    thanks_useless,
)
from integration.services.wave_trouble import KEPT
from integration.store import letter_facts, letter_ways, mailboxes, wave_queries
from integration.store import letters as rows
from integration.store.letter_facts import Facts
from integration.store.letters import LetterRow
from integration.store.mailboxes import SenderMailbox
from integration.store.portals import Portal
from integration.store.waves import Invitation, Wave

PAUSE = timedelta(hours=1)  # how long a letter of a paused wave sleeps before it is looked at again
LATEST_THANKS = timedelta(days=14)  # thanks that nobody could sign for so long are not said any more
SLACK = timedelta(hours=12)  # the gap counts days; a letter that left late in one hour does not move the next


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a letter that is due. `until`: when to look again, UTC; `pace`: with all of its mailbox."""

    act: Literal["send", "wait", "cancel", "rewrite", "pace"]
    until: datetime | None = None
    why: str = ""


_BOUND = (*MAIN_LETTERS, *THANKS_LETTERS)  # letters that keep a distance from each other


@dataclass(slots=True)
class Rules:
    """Policies, calendars, employees and mailboxes of the portals met in one portion of letters."""

    known: dict[int, tuple[Portal, Policy, PortalCalendar]] = field(default_factory=dict)
    teams: dict[int, Team] = field(default_factory=dict)
    versions: dict[tuple[int, int], Policy] = field(default_factory=dict)
    waves: dict[tuple[int, int], int] = field(default_factory=dict)
    boxes: dict[int, dict[str, SenderMailbox]] = field(default_factory=dict)

    def of(self, session: Session, portal_id: int, now: datetime) -> tuple[Portal, Policy, PortalCalendar]:
        """A portal, its rules of today and its working days."""
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

    def of_wave_id(self, session: Session, portal_id: int, wave_id: int) -> Policy | None:
        """The same by the wave's number; nothing if there is no such wave. A frozen list keeps its rules."""
        if (portal_id, wave_id) not in self.waves:
            wave = wave_queries.wave(session, portal_id, wave_id)
            if wave is None:
                return None
            self.waves[portal_id, wave_id] = wave.policy_version
            self.of_wave(session, wave)
        return self.versions[portal_id, self.waves[portal_id, wave_id]]

    def pace(self, session: Session, row: LetterRow, policy: Policy) -> pacing.Pace:
        """How fast the mailbox of a letter's sender may go."""
        if row.portal_id not in self.boxes:
            self.boxes[row.portal_id] = mailboxes.of(session, row.portal_id)
        box = self.boxes[row.portal_id].get(row.sender_key)
        return pacing.pace_of(box.per_hour if box else 0, box.per_day if box else 0, policy)


def closely(session: Session, row: LetterRow, rules: Rules, now: datetime) -> Verdict:
    """Whether a letter may leave now, step by step, with the reason why not.

    One that may is counted against its mailbox in the caller's transaction.
    """
    portal, policy, calendar = rules.of(session, row.portal_id, now)
    invitation = (
        session.get(Invitation, row.invitation_id, populate_existing=True) if row.invitation_id else None
    )
    wave = session.get(Wave, row.wave_id, populate_existing=True) if row.wave_id else None
    if useless := _useless(session, row, portal, invitation, wave, now):
        return Verdict("cancel", why=useless)
    if portal.status not in ("active", "new"):
        return Verdict("wait", now + PAUSE, f"portal_{portal.status}")
    if row.kind == "test":
        return Verdict("send")
    if wave is not None and wave.stage == "paused" and row.kind in MAIN_LETTERS:
        return Verdict("wait", now + PAUSE, "wave_paused")
    if (kept_back := _kept(session, row, rules, policy, calendar, invitation, wave, now)) is not None:
        return kept_back
    zone = zone_named((invitation.time_zone if invitation else "") or policy.time_zone)
    earliest = calendar.letters.next_allowed(max(now, _after_gap(session, row, policy, now)), zone)
    if earliest > now:
        return Verdict("wait", earliest, "hours")
    free = _after_pace(session, row, rules.pace(session, row, policy), policy, now)
    return Verdict("send") if free is None else Verdict("pace", free, "pace")


def clear(session: Session, row: LetterRow, rules: Rules, now: datetime, *, counted: bool = True) -> bool:
    """Whether nothing at all speaks against a letter of a survey, by one statement; whatever does is told by `closely`.

    Most letters end here. Never more generous than `closely`: tests/services/test_letter_ways.py compares the two.
    `counted` off: letters of mailboxes with a pace are not clear, since nobody counts them here.
    """
    if row.kind not in MAIN_LETTERS or row.wave_id is None or row.invitation_id is None:
        return False
    if row.kind in PROJECT_LETTERS:  # kept back by more than what is read here
        return False
    _, policy, calendar = rules.of(session, row.portal_id, now)
    own = rules.of_wave_id(session, row.portal_id, row.wave_id)
    if own is None or (row.expires_at is not None and now >= row.expires_at):
        return False
    gap = timedelta(days=policy.letter_gap_days) - SLACK
    key = email_key(row.recipient_address)
    facts = letter_facts.read(session, row, _BOUND, own.trouble_stages, key, now - gap)
    team = rules.team(session, row.portal_id)
    if facts is None or not _open(facts, now) or _left(row, policy, team):
        return False
    if _barred(facts, own) or signs_for_own(row, policy, facts.managers, team):
        return False
    zone = zone_named(facts.time_zone or policy.time_zone)
    hold = facts.hold
    if hold is not None and hold > local_day(now, zone_named(facts.time_zone or own.time_zone)):
        return False
    if facts.last is not None or not calendar.letters.is_allowed(now, zone):
        return False
    pace = rules.pace(session, row, policy)
    return not pace.limited or (counted and _after_pace(session, row, pace, policy, now) is None)


def _open(facts: Facts, now: datetime) -> bool:
    """Whether portal, wave and person still want the letter."""
    return (
        facts.status in ("active", "new")
        and facts.stage not in (*wave_queries.DONE_STAGES, "paused")
        and not facts.outcome
        and facts.revoked_at is None
        and (facts.snoozed_until is None or facts.snoozed_until <= now)
        and not facts.never
    )


def _barred(facts: Facts, own: Policy) -> bool:
    """Whether a card, a case or a task forbids it."""
    if facts.gone or facts.open_case or facts.in_trouble:
        return True
    kept_back = facts.plan.get(KEPT, {}).get("clients", ())
    return own.critical_tasks and f"{facts.client_kind}:{facts.client_id}" in kept_back


def _kept(
    session: Session, row: LetterRow, rules: Rules, policy: Policy, calendar: PortalCalendar,
    invitation: Invitation | None, wave: Wave | None, now: datetime,
) -> Verdict | None:  # fmt: skip
    """What cards and answers say against a letter of a survey."""
    if invitation is None:
        return None
    if row.kind in MAIN_LETTERS and wave is not None:
        own, team = rules.of_wave(session, wave), rules.team(session, row.portal_id)
        back = kept(session, row, invitation, wave, own, policy, team, calendar.letters, now)
        if back is None or back.act == "rewrite":
            left = _signer_left(session, row, invitation, own, policy, team, now)
            if left is not None:
                return left
        return Verdict(back.act, back.until, back.why) if back is not None else None
    if row.kind in THANKS_LETTERS:
        if off := thanks_useless(session, row, invitation, policy):
            return Verdict("cancel", why=off)
        own = rules.of_wave(session, wave) if wave is not None else policy
        team = rules.team(session, row.portal_id)
        if (left := _signer_left(session, row, invitation, own, policy, team, now)) is not None:
            return left
        if thanks_signer_serves(session, row, invitation, policy, team):
            return Verdict("rewrite", why="sender_serves_client")
    return None


def _signer_left(
    session: Session, row: LetterRow, invitation: Invitation, own: Policy, today: Policy, team: Team, now: datetime
) -> Verdict | None:  # fmt: skip
    """What becomes of a letter whose signer has left: somebody else writes it anew, and it waits while nobody can."""
    if not _left(row, today, team):
        return None
    if somebody_signs(session, row, invitation, signers.of_today(own, today, team), team):
        return Verdict("rewrite", why="sender_left")
    if row.kind in THANKS_LETTERS and now - row.created_at > LATEST_THANKS:
        return Verdict("cancel", why="expired")
    return Verdict("wait", now + PAUSE, "no_sender")


def _left(row: LetterRow, today: Policy, team: Team) -> bool:
    return bool(row.sender_key) and signers.has_left(
        row.sender_key, row.sender_name, row.sender_address, today, team
    )


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
    keys = {email_key(row.recipient_address)}
    if invitation is not None:
        keys |= person_keys(invitation.address, invitation.phone, invitation.contact_id)
    if wave_queries.opt_outs(session, row.portal_id, keys):
        return "opted_out"
    return ""


def _after_gap(session: Session, row: LetterRow, policy: Policy, now: datetime) -> datetime:
    """A person gets at most one letter in `letter_gap_days`, thanks too, also after an outage (product.md W2)."""
    if row.kind not in _BOUND:
        return now
    gap = timedelta(days=policy.letter_gap_days) - SLACK
    last = rows.last_handed(session, row.portal_id, row.recipient_address, _BOUND, now - gap)
    return last + gap if last is not None else now


def _after_pace(
    session: Session, row: LetterRow, pace: pacing.Pace, policy: Policy, now: datetime
) -> datetime | None:
    """When the mailbox is free again; nothing if it is (product.md W19). An hour slides, a day is the portal's."""
    if not pace.limited:
        return None
    letter_ways.hold_pace(session, row.portal_id, row.sender_address)
    mine, free = (session, row.portal_id, row.sender_address), now
    if pace.per_day:
        zone = zone_named(policy.time_zone)
        if rows.handed_since(*mine, pacing.day_began(now, zone)) >= pace.per_day:
            free = pacing.day_ends(now, zone)
    since = now - pacing.HOUR
    place = pacing.awaited(rows.handed_since(*mine, since), pace.per_hour) if pace.per_hour else None
    if place is not None:
        left = letter_ways.handed_nth(*mine, since, place)
        free = max(free, (left or now) + pacing.HOUR)
    return free if free > now else None
