"""Personal links of a partner call centre: made, shown once, revoked, made anew, opened (product.md W9).

Only a hash of a link's token is kept. A link names one person, ends by itself on a day, and opens the desk of one
survey; whoever holds it sees one client at a time, and every look is written down (`partner_log`).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from sqlalchemy.orm import Session

from integration import i18n
from integration.nps.plans import Plan
from integration.nps.workdays import at_hour, local_day, zone_named
from integration.services import policies
from integration.services.calling import partner_log
from integration.services.calling.types import Caller
from integration.services.deps import Deps
from integration.services.reports import plan_in
from integration.services.waves_errors import WaveError
from integration.store import answers, call_links, wave_queries
from integration.store.base import reading, transaction
from integration.store.call_links import CallLink, Work
from integration.store.portals import Portal
from integration.store.waves import Wave

LONGEST_NAME = 200
MOST = 100  # links of one survey that work at the same time
LONGEST_TOKEN = 200
Status = Literal["open", "unknown", "revoked", "expired", "over"]
State = Literal["works", "revoked", "expired", "over"]


@dataclass(frozen=True, slots=True)
class Made:
    """A new link. `url` can be read here and nowhere else."""

    id: int
    name: str
    token: str
    url: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Opened:
    """What lies behind a link. `caller` only while it is `open`; `until`: when it ends, UTC."""

    status: Status
    language: str = ""
    agency: str = ""
    name: str = ""
    time_zone: str = ""
    until: datetime | None = None
    caller: Caller | None = None


@dataclass(frozen=True, slots=True)
class LinkShown:
    """A link as staff see it. `people`: how many people it was shown."""

    id: int
    name: str
    firm: str
    language: str
    state: State
    made_by: str
    made_at: datetime
    until: datetime
    revoked_at: datetime | None
    revoked_by: str
    seen_at: datetime | None
    people: int
    work: Work


def make(
    deps: Deps, portal_id: int, wave_id: int, *, name: str, who: str, firm: str = "", language: str = "",
    until: date | None = None,
) -> Made:  # fmt: skip
    """A link for a named person; it works through the day `until` in the portal's zone, by default to the end of the
    calls. `language`: of the desk's own words, by default the portal's.

    Raises `WaveError`: `is_over`, `no_calls`, `no_name`, `name_too_long`, `link_exists` (the person has one that
    works), `too_many_links`, `end_past`, `end_late` (the detail is the last day there can be).
    """
    name, firm = " ".join(name.split()), " ".join(firm.split())
    if not name:
        raise WaveError("no_name")
    if max(len(name), len(firm)) > LONGEST_NAME:
        raise WaveError("name_too_long")
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        wave, portal = _called(session, portal_id, wave_id)
        working = _working(session, wave, now)
        if any(_same(one, name, firm) for one in working):
            raise WaveError("link_exists", name)
        if len(working) >= MOST:
            raise WaveError("too_many_links", str(MOST))
        ends = _end(session, wave, until, now)
        spoken = language if language in i18n.LANGUAGES else i18n.language_of(portal.language)
        return _add(deps, session, wave, name, firm, spoken, ends, who, now)


def anew(deps: Deps, portal_id: int, wave_id: int, link_id: int, *, who: str) -> Made:
    """Another address for the same person: the old one stops working in the same moment. One that had ended gets
    the end a new one would get. Raises `WaveError`: `no_link`, `link_exists` (the person has another one that works),
    `is_over`, `no_calls`, `end_past`."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        wave, _ = _called(session, portal_id, wave_id)
        old = call_links.get(session, portal_id, link_id, held=True)
        if old is None or old.wave_id != wave_id:
            raise WaveError("no_link")
        if any(one.id != old.id and _same(one, old.name, old.firm) for one in _working(session, wave, now)):
            raise WaveError("link_exists", old.name)
        call_links.revoke(session, portal_id, link_id, who, now)
        ends = old.expires_at if old.expires_at > now else _end(session, wave, None, now)
        return _add(deps, session, wave, old.name, old.firm, old.language, ends, who, now)


def revoke(deps: Deps, portal_id: int, wave_id: int, link_id: int, *, who: str) -> bool:
    """End a link at once; the client it had in hand goes back. False if it had ended that way before, or is none."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        link = call_links.get(session, portal_id, link_id, held=True)
        if (
            link is None
            or link.wave_id != wave_id
            or not call_links.revoke(session, portal_id, link_id, who, now)
        ):
            return False
        wave = wave_queries.wave(session, portal_id, wave_id)
        if wave is not None:
            wave_queries.note(session, wave, now, "call_link_revoked", who, link.name)
        return True


def of(deps: Deps, portal_id: int, wave_id: int) -> list[LinkShown]:
    """The links of a survey, the newest first, with what was done under each."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        wave = wave_queries.wave(session, portal_id, wave_id)
        if wave is None:
            return []
        links = call_links.of_wave(session, portal_id, wave_id)
        done = call_links.work(session, portal_id, wave_id, [holder_of(link.id) for link in links])
        people = call_links.view_counts(session, portal_id, wave_id)
        return [
            LinkShown(
                id=one.id, name=one.name, firm=one.firm, language=one.language, state=_state(one, wave, now),
                made_by=one.made_by, made_at=one.made_at, until=one.expires_at, revoked_at=one.revoked_at,
                revoked_by=one.revoked_by, seen_at=one.seen_at, people=people.get(one.id, 0),
                work=done.get(holder_of(one.id), Work()),
            )
            for one in links
        ]  # fmt: skip


def exists(deps: Deps, portal_id: int, wave_id: int) -> bool:
    """Whether the portal has such a survey."""
    with reading(deps.sessions) as session:
        return wave_queries.yearly(session, portal_id, wave_id) is not None


def last_day(deps: Deps, portal_id: int, wave_id: int) -> tuple[date, date] | None:
    """The day on which a new link ends unless somebody says otherwise, and the last one it can end; nothing where no
    link can be made any more."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        wave = wave_queries.yearly(session, portal_id, wave_id)
        plan = plan_in(wave) if wave is not None and wave.stage not in wave_queries.DONE_STAGES else None
        if wave is None or plan is None or plan.calling is None:
            return None
        return _default(plan, _today(session, portal_id, now)), plan.closing


def opened(deps: Deps, token: str, remote: str) -> Caller | None:
    """Who calls behind this link, if it works; the visit is written down."""
    return look(deps, token, remote).caller


def look(deps: Deps, token: str, remote: str) -> Opened:
    """What lies behind a link, or why it does not work; a visit to one that works is written down with `remote`, the
    network address it came from."""
    if not _plausible(token):
        return Opened("unknown")
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        shown, link = _look(session, token, now)
        portal_id = link.portal_id if link is not None else 0
    if shown.caller is not None and link is not None and partner_log.is_new(deps, link, remote, now):
        with transaction(deps.sessions) as session:
            partner_log.visited(session, portal_id, link.id, remote, now)
    return shown


def holder_of(link_id: int) -> str:
    """How calls under a link name their caller."""
    return f"link:{link_id}"


def caller_name(name: str, firm: str) -> str:
    """A caller of a call centre for staff: the name, with the firm where there is one."""
    return f"{name} ({firm})"[:LONGEST_NAME] if firm else name


def digest(token: str) -> str:
    """What is kept of a link's token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _look(session: Session, token: str, now: datetime) -> tuple[Opened, CallLink | None]:
    hashed = digest(token)
    link = call_links.by_hash(session, hashed)
    if link is None or not hmac.compare_digest(link.token_hash, hashed):
        return Opened("unknown"), None
    portal = session.get(Portal, link.portal_id)
    wave = wave_queries.wave(session, link.portal_id, link.wave_id)
    if portal is None or wave is None:
        return Opened("unknown"), None
    state = _state(link, wave, now)
    if portal.status in ("uninstalled", "undecided"):
        state = "revoked"
    status: Status = "open" if state == "works" else state
    caller = Caller(
        portal_id=portal.id, holder=holder_of(link.id), name=link.name,
        wave_id=wave.id, language=link.language, user_id=None,
    )  # fmt: skip
    return Opened(
        status, link.language, answers.agency_name(session, portal), link.name, portal.time_zone, link.expires_at,
        caller if status == "open" else None,
    ), link  # fmt: skip


def _working(session: Session, wave: Wave, now: datetime) -> list[CallLink]:
    links = call_links.of_wave(session, wave.portal_id, wave.id)
    return [one for one in links if _state(one, wave, now) == "works"]


def _same(link: CallLink, name: str, firm: str) -> bool:
    """Whether a link is this person's."""
    return (link.name.casefold(), link.firm.casefold()) == (name.casefold(), firm.casefold())


def _state(link: CallLink, wave: Wave, now: datetime) -> State:
    if link.revoked_at is not None:
        return "revoked"
    if wave.stage in wave_queries.DONE_STAGES:
        return "over"
    return "expired" if link.expires_at <= now else "works"


def _called(session: Session, portal_id: int, wave_id: int) -> tuple[Wave, Portal]:
    """A survey in which there are calls, and nobody has ended it."""
    wave, portal = wave_queries.yearly(session, portal_id, wave_id), session.get(Portal, portal_id)
    if wave is None or portal is None or wave.stage in wave_queries.DONE_STAGES:
        raise WaveError("is_over", wave.name if wave is not None else "")
    plan = plan_in(wave)
    if plan is None or plan.calling is None:
        raise WaveError("no_calls")
    return wave, portal


def _end(session: Session, wave: Wave, until: date | None, now: datetime) -> datetime:
    plan, today = plan_in(wave), _today(session, wave.portal_id, now)
    if plan is None:
        raise WaveError("no_calls")
    until = until or _default(plan, today)
    if until > plan.closing:
        raise WaveError("end_late", plan.closing.isoformat())
    if until < today:
        raise WaveError("end_past")
    return at_hour(until, 24, zone_named(plan.zone))


def _default(plan: Plan, today: date) -> date:
    """The last day of the calls; while letters leave already, that of the survey: who has no e-mail is still called."""
    last = plan.mailing - timedelta(days=1)
    return last if last >= today else plan.closing


def _today(session: Session, portal_id: int, now: datetime) -> date:
    policy, _ = policies.load(session, portal_id)
    return local_day(now, zone_named(policy.time_zone))


def _add(
    deps: Deps, session: Session, wave: Wave, name: str, firm: str, language: str, ends: datetime, who: str,
    now: datetime,
) -> Made:  # fmt: skip
    token = deps.dice.token()
    link = call_links.add(
        session, wave.portal_id, wave_id=wave.id, token_hash=digest(token), name=name, firm=firm, language=language,
        made_by=who[:200], made_at=now, expires_at=ends,
    )  # fmt: skip
    wave_queries.note(session, wave, now, "call_link_made", who, caller_name(name, firm))
    return Made(link.id, name, token, f"{deps.settings.public_url}/calls/{token}", ends)


def _plausible(token: str) -> bool:
    """Whether a token can be one of ours; PostgreSQL takes no zero byte."""
    return 0 < len(token) <= LONGEST_TOKEN and token.isascii() and token.isprintable()
