"""What every page about referrals rests on: whose rows the viewer sees, the choices of the filters, what is to be done.

Read in the transaction of the page (product.md P1, P2).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement

from integration.nps.attribution import EMPLOYEE, UNKNOWN
from integration.nps.policy import Policy
from integration.nps.rights import Rights, city_key
from integration.nps.workdays import local_day, zone_named
from integration.services import policies, rights
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.referral_lines import Reader, scope_of
from integration.store import referral_lists as lists
from integration.store import referral_thanks as thanks_rows
from integration.store.base import reading
from integration.store.portals import Portal
from integration.store.referral_lists import EVERYTHING
from integration.store.referral_rows import Referral
from integration.store.reports import Scope

#: What a person has to settle, in the order it is shown.
PROBLEMS = (
    "unnamed", "contested", "cycle", "removed", "same_person", "self_referral", "own_contact", "own_company",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page about referrals needs. `years`: with claims, the newest first; `branches`: the cities the viewer
    sees, one spelling each; `waiting`, `open`: how many wait for thanks, how many for a decision; `rewards` may be
    said by whoever sees the row. `referrals`: all rows of the tree in scope."""

    rights: Rights
    currency: str
    today: date
    years: tuple[int, ...]
    branches: tuple[str, ...]
    sources: tuple[tuple[str, str], ...]
    referrals: int
    waiting: int
    open: int
    min_group: int


@dataclass(frozen=True, slots=True)
class Desk:
    """One transaction of one viewer."""

    reader: Reader
    policy: Policy
    scope: Scope
    cities: Sequence[str]
    today: date

    @property
    def portal_id(self) -> int:
        """Whose rows are read."""
        return self.reader.portal.id

    def spellings(self, branch: str) -> frozenset[str] | None:
        """How a branch is written on cards; None for all."""
        return frozenset(c for c in self.cities if city_key(c) == city_key(branch)) if branch else None


@contextmanager
def open_desk(deps: Deps, who: Viewer) -> Iterator[Desk]:
    """A transaction for one page. Raises `LookupError` if the portal is gone."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        portal = session.get(Portal, who.portal_id)
        if portal is None:
            raise LookupError("no such portal")
        mine = rights.of(session, portal.id, who)
        policy, _ = policies.load(session, portal.id)
        yield Desk(
            reader=Reader(session, portal, mine, now), policy=policy, scope=scope_of(session, portal.id, mine),
            cities=lists.cities(session, portal.id), today=local_day(now, zone_named(portal.time_zone)),
        )  # fmt: skip


def frame_of(desk: Desk) -> Frame:
    """What stands around every page."""
    session, portal, policy = desk.reader.session, desk.reader.portal, desk.policy
    first = lists.first_day(session, portal.id)
    mine = desk.reader.rights
    shown: dict[str, str] = {}
    for city in desk.cities:
        if mine.sees_all or city_key(city) in mine.cities:
            shown.setdefault(city_key(city), city)
    return Frame(
        rights=mine, currency=portal.currency, today=desk.today,
        years=tuple(range(desk.today.year, min(first.year if first else desk.today.year, desk.today.year) - 1, -1)),
        branches=tuple(sorted(shown.values(), key=str.casefold)),
        sources=tuple((code, policy.referral_source_names.get(code, "")) for code in policy.referral_sources),
        referrals=lists.count(session, portal.id, desk.scope, lists.stands()),
        waiting=lists.count(session, portal.id, desk.scope, thanks_rows.not_thanked()),
        open=sum(problems(desk).values()), min_group=policy.min_group,
    )  # fmt: skip


def conditions(desk: Desk) -> dict[str, ColumnElement[bool]]:
    """Rows a person has to settle, by kind; "": all of them."""
    policy = desk.policy
    named = [
        source for source in policy.recommending_sources if source != EMPLOYEE
    ]  # staff has no card to name
    kinds: dict[str, ColumnElement[bool]] = {
        "unnamed": lists.unnamed(named, UNKNOWN, policy.recommendation_id), "contested": lists.contested(),
    }  # fmt: skip
    kinds |= {code: Referral.problem == code for code in PROBLEMS if code not in kinds}
    return {**kinds, "": lists.any_of(kinds.values())}


def problems(desk: Desk) -> dict[str, int]:
    """How many of each kind, in three queries."""
    session, kinds = desk.reader.session, conditions(desk)
    found = lists.tally(session, desk.portal_id, desk.scope, Referral.problem != "", "problem", EVERYTHING)
    for kind in ("unnamed", "contested"):
        found[kind] = lists.count(session, desk.portal_id, desk.scope, kinds[kind])
    return {kind: found[kind] for kind in PROBLEMS if found.get(kind)}
