"""Clients whom the portal's own source says to have come by recommendation, while nobody is named (product.md R2).

The portal keeps no history of that source: leads keep theirs when they are converted, deals have the present one. What
was once chosen and overwritten since cannot be found. Nothing is applied by itself: people accept it, or name somebody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from integration.nps.newcomers import Arrival, arrival, newcomers_of
from integration.nps.people import CardKey
from integration.nps.workdays import local_day, zone_named
from integration.services import policies
from integration.services.deps import Deps
from integration.services.past_tables import ImportRefused
from integration.services.referral_book import MirrorBook
from integration.services.referral_imports import MOST_ROWS
from integration.services.referral_imports import Candidate as Chosen
from integration.store import referral_imports as rows
from integration.store import referrals as referral_store
from integration.store.base import reading
from integration.store.portals import Portal

PAGE = 25
SCANNED = 150  # cards looked at for one page
KINDS = ("lead", "deal")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A client that may have come by recommendation. `card`: the lead or deal whose source says so, made on `day`;
    `client`: the newcomer it became, or the card itself. `unknown`: it is listed as recommended, by nobody known."""

    card: CardKey
    client: CardKey
    name: str
    day: date | None
    unknown: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A page of candidates. `following`: the card behind which the next page begins, None: no more. `source`: the
    portal's own source, "" if the settings name none."""

    candidates: tuple[Candidate, ...]
    following: CardKey | None
    source: str


def page(deps: Deps, portal_id: int, after: CardKey | None = None) -> Found:
    """The next candidates behind a card, leads first, then deals, by number."""
    with reading(deps.sessions) as session:
        portal = session.get_one(Portal, portal_id)
        policy, _ = policies.load(session, portal_id)
        source = policy.recommendation_id
        if not source:
            return Found((), None, "")
        book = MirrorBook(session, portal_id, policy, deps.clock.now())
        place, scanned, found = after or CardKey("lead", 0), 0, list[Candidate]()
        while scanned < SCANNED and len(found) < PAGE:
            cards = rows.recommended(session, portal_id, source, place.kind, place.id, PAGE)
            for card, at, _title in cards:
                day = local_day(at, zone_named(portal.time_zone)) if at else None
                one = _candidate(session, portal_id, book, card, day, source)
                scanned, place = scanned + 1, card
                if one is not None:
                    found.append(one)
                if len(found) == PAGE:
                    return Found(_with_names(session, portal_id, found), place, source)
            if len(cards) < PAGE:
                if place.kind == KINDS[-1]:
                    return Found(_with_names(session, portal_id, found), None, source)
                place = CardKey("deal", 0)
        return Found(_with_names(session, portal_id, found), place, source)


def everybody(deps: Deps, portal_id: int) -> list[Chosen]:
    """All candidates for a list, which tells row by row whom the rules leave out. Raises `ImportRefused`: `too_big`."""
    with reading(deps.sessions) as session:
        portal = session.get_one(Portal, portal_id)
        policy, _ = policies.load(session, portal_id)
        if not policy.recommendation_id:
            return []
        found = [
            Chosen(card, title, local_day(at, zone_named(portal.time_zone)) if at else None)
            for kind in KINDS
            for card, at, title in rows.recommended(
                session, portal_id, policy.recommendation_id, kind, 0, MOST_ROWS + 1, fresh=True
            )
        ]
    if len(found) > MOST_ROWS:
        raise ImportRefused(code="too_big")
    return found


def _candidate(
    session: Session, portal_id: int, book: MirrorBook, card: CardKey, day: date | None, source: str
) -> Candidate | None:
    """The client a lead or deal brought; nothing for a repeat sale, one who is named, or one that another of its cards
    already stands for."""
    for key in newcomers_of(card, book):
        whole = arrival(key, book)
        if not whole.counts or card not in whole.cards or _speaker(whole, book, source) != card:
            continue
        row = referral_store.of_newcomer(session, portal_id, whole.newcomer)
        if row is not None and (
            row.named_id or row.source not in ("", "unknown") or row.settled_by == "person"
        ):
            continue
        return Candidate(card, whole.newcomer, "", day, row is not None and row.source == "unknown")
    return None


def _speaker(whole: Arrival, book: MirrorBook, source: str) -> CardKey | None:
    """The first card of a newcomer that has the source, so that it is listed once."""
    for key in whole.cards:
        if key.kind in KINDS and getattr(book.row(key), "source_id", "") == source:
            return key
    return None


def _with_names(session: Session, portal_id: int, found: list[Candidate]) -> tuple[Candidate, ...]:
    names = rows.names(session, portal_id, [one.client for one in found])
    return tuple(
        Candidate(one.card, one.client, names.get(one.client, ""), one.day, one.unknown) for one in found
    )
