"""One client in one wave on one page: why it is on the list, its people, letters, answers, tasks (product.md W15).

Whoever sees the client reads it; its number of queries does not depend on how many clients there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy.orm import Session

from integration.nps.holds import HoldNow, hold_now
from integration.nps.people import CardKey
from integration.nps.rights import Rights
from integration.nps.scoring import group
from integration.nps.workdays import zone_named
from integration.services import card_events, policies, reports, rights
from integration.services.card_read import Read
from integration.services.card_read import read as read_card
from integration.services.card_rights import Subject
from integration.services.card_types import Event
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.holds import as_row
from integration.services.questions import ExtraSaid
from integration.services.report_types import WaveView
from integration.services.wave_page import scope_for
from integration.store import cards_view, wave_line_rows, wave_queries, wave_watch
from integration.store import reports as report_rows
from integration.store.attempts import Attempt
from integration.store.base import reading
from integration.store.cards_view import Asked
from integration.store.followups import FollowUp
from integration.store.portals import Portal
from integration.store.wave_cards import key_of
from integration.store.wave_line_rows import Letter as Letter
from integration.store.waves import Wave, WaveClient, WaveEvent

TRAIL = 30


@dataclass(frozen=True, slots=True)
class Person:
    """One respondent. `score` and `comment` only where the viewer sees the client; `group` of a counted score.
    `open`: may still be refused; `refused`: may be asked again after all."""

    asked: Asked
    letters: tuple[Letter, ...]
    score: int | None
    group: str
    comment: str
    status: str
    calls: tuple[Attempt, ...] = ()
    extra: tuple[ExtraSaid, ...] = ()

    @property
    def open(self) -> bool:
        """Whether the outcome is not settled yet."""
        return self.asked.invitation.outcome == ""


@dataclass(frozen=True, slots=True)
class LinePage:
    """What the page shows. `seen`: the viewer sees this client's answers; `runs`: the wave is approved and not over;
    `calling`: its plan has calls; `zone`: of the portal, for people whose own is not known."""

    wave: WaveView
    line: WaveClient
    rights: Rights
    may_run: bool
    own: bool
    seen: bool
    runs: bool
    over: bool
    manager: str
    salesperson: str
    deal: str
    currency: str
    people: tuple[Person, ...]
    tasks: tuple[FollowUp, ...]
    owners: Mapping[int, str]
    hold: HoldNow | None
    events: tuple[Event, ...]
    spread: tuple[int, int] | None  # the lowest and the highest counted score, where several people answered
    calling: bool
    zone: str
    now: datetime
    trail: tuple[WaveEvent, ...]
    today: date


def read(deps: Deps, who: Viewer, wave_id: int, line_id: int) -> LinePage | None:
    """The page of a client in a wave; nothing if there is none, or the viewer does not see it (product.md P2)."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        mine = rights.of(session, who.portal_id, who)
        wave = wave_queries.yearly(session, who.portal_id, wave_id)
        found = wave_queries.clients_by_id(session, who.portal_id, wave_id, [line_id]) if wave else {}
        line = found.get(line_id)
        if wave is None or line is None:
            return None
        scope = scope_for(session, wave, mine)
        seen = mine.sees(line.manager_id, line.city)
        if not scope.everyone and not seen:
            return None
        return _page(session, wave, line, mine, seen, now)


def _page(
    session: Session, wave: Wave, line: WaveClient, mine: Rights, seen: bool, now: datetime
) -> LinePage:
    portal = session.get_one(Portal, wave.portal_id)
    known = _known(session, portal, wave, line, mine, now)
    letters = wave_line_rows.letters(session, portal.id, sorted(one.invitation.id for one in known.asked))
    card = cards_view.card(session, portal.id, line.client_kind, line.client_id)
    hold = hold_now(card.hold_until if card else None, [as_row(one) for one in known.holds], known.today)
    staff = {line.manager_id, line.salesperson_id, *(one.owner_id for one in known.tasks)}
    names = report_rows.names(session, portal.id, {user for user in staff if user})
    over = wave.stage in wave_queries.DONE_STAGES
    owners = {line.manager_id, *cards_view.responsibles(session, portal.id, key_of(line))}
    owners.add(getattr(card, "assigned_by", None))
    return LinePage(
        wave=reports.wave_view(wave), line=line, rights=mine, may_run=mine.may_run_waves,
        own=mine.user_id in owners, seen=seen, runs=bool(wave.approved_by) and not over, over=over,
        manager=names.get(line.manager_id or 0, ""), salesperson=names.get(line.salesperson_id or 0, ""),
        deal=wave_line_rows.deal_title(session, portal.id, line.deal_id), currency=portal.currency,
        people=tuple(_person(one, letters.get(one.invitation.id, []), known, seen) for one in known.asked),
        spread=_spread(known.asked) if seen else None, calling=wave.plan.get("calling") is not None,
        zone=portal.time_zone, now=now,
        tasks=tuple(known.tasks) if seen else (), owners=names, hold=hold,
        events=tuple(
            one if seen or one.code != "call" else replace(one, facts={**one.facts, "note": ""})
            for one in card_events.events(known)
            if (seen or one.code not in _SAID) and not (one.code in _ANY_TIME and one.at < wave.planned_at)
        ),
        trail=tuple(wave_watch.trail_of(session, portal.id, wave.id, str(key_of(line)), TRAIL)),
        today=known.today,
    )  # fmt: skip


#: What tells of scores and words, and of what came of them.
_SAID = frozenset(
    {"answer", "confirmed", "correction", "held", "rejected", "task_opened", "task_closed", "task_cancelled"}
)


#: What happens with a client also between surveys; here only since this one was planned.
_ANY_TIME = frozenset({"hold", "hold_lifted", "opt_out", "opt_back", "opted_out", "restore"})


def _known(
    session: Session, portal: Portal, wave: Wave, line: WaveClient, mine: Rights, now: datetime
) -> Read:
    """What the tab of the client's card reads, of this wave alone."""
    client = key_of(line)
    policy, _ = policies.load(session, portal.id)
    subject = Subject(
        portal_id=portal.id, card=CardKey(client.kind, client.id), client=client, rights=mine, owners=frozenset(),
        managers=frozenset(), city=line.city, actor="",
    )  # fmt: skip
    found = read_card(session, portal, policy, subject, client, now, zone_named(portal.time_zone))
    asked = [one for one in found.asked if one.line.id == line.id]
    mine_only = {one.invitation.id for one in asked}
    return replace(
        found,
        lines=[one for one in found.lines if one.line.id == line.id],
        asked=asked,
        letters=[one for one in found.letters if one.invitation_id in mine_only],
        attempts=[one for one in found.attempts if one.invitation_id in mine_only],
        tasks=[one for one in found.tasks if one.wave_id == wave.id],
    )


def _spread(asked: Sequence[Asked]) -> tuple[int, int] | None:
    """The split inside a client (product.md N1): nothing where fewer than two people answered."""
    scores = [
        one.response.score for one in asked if one.response is not None and one.response.status == "counted"
    ]
    return (min(scores), max(scores)) if len(scores) > 1 else None


def _person(asked: Asked, letters: Sequence[Letter], known: Read, seen: bool) -> Person:
    said = asked.response if seen else None
    counted = said is not None and said.status == "counted"
    return Person(
        asked, tuple(letters), said.score if said else None, group(said.score) if said and counted else "",
        said.comment if said else "", said.status if said else "",
        tuple(one for one in known.attempts if one.invitation_id == asked.invitation.id),
        known.extra.get(said.id, ()) if said else (),
    )  # fmt: skip
