"""How many clients would be asked with settings nobody has saved yet, and why not the others (product.md E3, P7).

The same rules as freezing a list, over the mirror alone: addresses are not mirrored, so everybody on a card
counts as reachable and the number is "at most". Nothing is asked of the portal and nothing is written. A count
takes a bounded time; a large portal is counted in several, each going on where the last one stopped.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import islice
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from integration.nps.eligibility import REASONS, Reason, Verdict, assess
from integration.nps.errors import UnknownZone
from integration.nps.people import ClientFacts, ClientKey, Person
from integration.nps.policy import Policy
from integration.nps.workdays import local_day, zone_named
from integration.services import policies
from integration.services.deps import Deps
from integration.services.waves_people import History, known
from integration.services.waves_respondents import asked_days, with_primary
from integration.store import choices as choice_rows
from integration.store import portals as portal_rows
from integration.store import snapshots, wave_cards, wave_lists, wave_queries
from integration.store.base import reading

SECONDS = 1.5  # of one count
LARGE = 3_000  # clients, as many as the largest agency has (product.md 1); more are not begun to be counted in passing
_CHUNK = 400  # clients judged between two looks at the watch
_FINAL = ("not_current", "too_new", "asked_recently")  # whatever the people say
_UNREAD = ("since_field", "end_field")


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would be, as far as it has been counted. `asked` clients with `people` respondents at most.

    `reasons`: clients that are not asked by reason; `after`: where to go on, empty when everybody has been
    counted; `total`: about how many clients there are, while it goes on; `unread`: fields the settings name
    whose values have not been read from the cards yet, so that they do not count here.
    """

    day: date
    asked: int = 0
    people: int = 0
    reasons: Mapping[Reason, int] = field(default_factory=dict)
    after: str = ""
    total: int = 0
    unread: tuple[str, ...] = ()

    @property
    def judged(self) -> int:
        """Clients counted so far."""
        return self.asked + sum(self.reasons.values())

    @property
    def done(self) -> bool:
        """Whether everybody has been counted."""
        return not self.after


@dataclass(slots=True)
class _Count:
    """What one count works with. `taken`: people already counted for another client."""

    portal_id: int
    policy: Policy
    day: date
    history: History
    last_asked: Mapping[ClientKey, date]
    troubled: frozenset[ClientKey]
    taken: set[str] = field(default_factory=set)
    asked: int = 0
    people: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)

    def chunk(self, session: Session, clients: list[ClientFacts]) -> None:
        """Judge these clients; people are read for those whose deals do not settle it."""
        facts = [self._with_past(client) for client in clients]
        first = [(client, assess(client, self.policy, self.day)) for client in facts]
        left = [(client, verdict) for client, verdict in first if verdict.reason not in _FINAL]
        self.reasons.update(verdict.reason for _, verdict in first if verdict.reason in _FINAL)
        people = snapshots.people(session, self.portal_id, [client.key for client, _ in left])
        deals = [v.through_deal.id for _, v in left if v.through_deal]
        contacts = snapshots.deal_contacts(session, self.portal_id, deals)
        seen = known((one for group in people.values() for one in group), self.history, self.policy)
        for client, verdict in left:
            group = [_reachable(seen[one.contact_id]) for one in people.get(client.key, [])]
            deal = verdict.through_deal.id if verdict.through_deal else 0
            self._count(replace(client, people=with_primary(group, contacts.get(deal))))

    def _with_past(self, client: ClientFacts) -> ClientFacts:
        trouble = "open_follow_up" if client.key in self.troubled else ""
        return replace(client, last_asked_on=self.last_asked.get(client.key), trouble=trouble)

    def _count(self, client: ClientFacts) -> None:
        verdict: Verdict = assess(client, self.policy, self.day, self.taken)
        if verdict.reason is not None:
            self.reasons[verdict.reason] += 1
            return
        self.asked += 1
        self.people += len(verdict.respondents)
        self.taken.update(*(respondent.keys for respondent in verdict.respondents))


def count(
    deps: Deps,
    portal_id: int,
    policy: Policy,
    *,
    day: date | None = None,
    so_far: Forecast | None = None,
    seconds: float = SECONDS,
    in_passing: bool = False,
) -> Forecast:
    """Count the clients who would be asked under `policy`, saved or not, if the list were made on `day`.

    `day`: of the portal's calendar, today if not given; `so_far`: an unfinished count to go on with. Takes
    about `seconds`. `in_passing`: where there are very many clients, whose past alone takes a while to read, only
    how many there are; the count is begun by whoever goes on with it. Raises `LookupError` for an unknown portal
    and `ValueError` for a place to go on from that is none.
    """
    after = ClientKey.parse(so_far.after) if so_far and so_far.after else None
    until = time.monotonic() + seconds
    with reading(deps.sessions) as session:
        many = choice_rows.clients_with_deals(session, portal_id) if in_passing and so_far is None else 0
        if many > LARGE:
            return Forecast(day or _today(deps, session, portal_id, policy), after="company:0", total=many)
        work, zone, unread = _begin(deps, session, portal_id, policy, so_far.day if so_far else day)
        stream = snapshots.clients(session, portal_id, work.policy, zone, after)
        last, finished = _run(session, work, stream, until)
        total = 0 if finished else choice_rows.clients_with_deals(session, portal_id)
    before = so_far or Forecast(work.day)
    reasons = Counter(before.reasons) + work.reasons
    return Forecast(
        day=work.day,
        asked=before.asked + work.asked,
        people=before.people + work.people,
        reasons={reason: reasons[reason] for reason in REASONS if reasons[reason]},
        after="" if finished else str(last),
        total=total,
        unread=unread,
    )


def _run(
    session: Session, work: _Count, stream: Iterator[ClientFacts], until: float
) -> tuple[ClientKey | None, bool]:
    """Count until the watch says stop: the last client counted, and whether that was all."""
    last: ClientKey | None = None
    while clients := list(islice(stream, _CHUNK)):
        work.chunk(session, clients)
        last = clients[-1].key
        if time.monotonic() >= until:
            break
    return last, len(clients) < _CHUNK


def _begin(
    deps: Deps, session: Session, portal_id: int, policy: Policy, day: date | None
) -> tuple[_Count, ZoneInfo, tuple[str, ...]]:
    portal = portal_rows.get(session, portal_id)
    if portal is None:
        raise LookupError("no such portal")
    stored, _ = policies.load(session, portal_id)
    unread = tuple(name for name in _UNREAD if getattr(policy, name) not in ("", getattr(stored, name)))
    if policy.since_field and policy.since_field_on != stored.since_field_on and "since_field" not in unread:
        unread = ("since_field", *unread)
    if "since_field" in unread:
        policy = replace(policy, since_field="")
    if "end_field" in unread:
        policy = replace(policy, end_field="")
    zone = zone_named(portal.time_zone)
    asked = wave_lists.asked_before(session, portal_id, 0)
    by_client, by_handle = asked_days(asked, zone)
    never = frozenset(wave_queries.opt_outs(session, portal_id))
    work = _Count(
        portal_id=portal_id,
        policy=policy,
        day=day or local_day(deps.clock.now(), _zone(policy.time_zone, zone)),
        history=History(never, by_handle, (), frozenset()),
        last_asked=by_client,
        troubled=frozenset(wave_cards.with_open_followups(session, portal_id, 0)),
    )
    return work, zone, unread


def _today(deps: Deps, session: Session, portal_id: int, policy: Policy) -> date:
    portal = portal_rows.get(session, portal_id)
    if portal is None:
        raise LookupError("no such portal")
    return local_day(deps.clock.now(), _zone(policy.time_zone, zone_named(portal.time_zone)))


def _zone(name: str, other: ZoneInfo) -> ZoneInfo:
    try:
        return zone_named(name)
    except UnknownZone:
        return other


def _reachable(person: Person) -> Person:
    """The person with a stand-in for the addresses, which are read when the list is frozen (product.md T3)."""
    return replace(person, emails=(f"{person.contact_id}@card.invalid",))
