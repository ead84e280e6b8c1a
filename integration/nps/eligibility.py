"""Who may be asked, and the one reason of everyone who may not (product.md E1 to E7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Literal, get_args

from .addresses import email_key, is_shared, mail_addresses, phone_key
from .intents import Facts
from .people import ClientFacts, ClientKey, DealFacts, Person
from .policy import Policy
from .relation import SinceSource, client_since, current_through, is_client
from .workdays import add_months

Reason = Literal[
    "not_current",
    "too_new",
    "asked_recently",
    "opted_out",
    "on_hold",
    "no_respondent",
    "no_channel",
    "excluded_by_hand",
]
REASONS: tuple[Reason, ...] = get_args(Reason)
_ROLE_ORDER = {"decides": 0, "daily": 1, "other": 2, None: 3}


@dataclass(frozen=True, slots=True)
class Respondent:
    """A person who is asked, and where. ``shared``: a mailbox of many, used because nobody else is there.

    ``channel`` phone: without an address, who can only be called (product.md W7). ``phone``: the number, if any.
    """

    person: Person
    channel: Literal["email", "phone"]
    address: str
    shared: bool = False
    phone: str = ""

    @property
    def keys(self) -> frozenset[str]:
        """What nobody else on the list may be asked by: the address, and the number where people are called."""
        return frozenset({email_key(self.address), phone_key(self.phone)} - {""})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided about one client. ``reason`` is None exactly when ``eligible`` (product.md E4).

    ``since`` and ``since_source`` are kept also for those not asked, if known; ``manager`` is whose
    service is judged: the company's responsible, else the deal's (product.md E7). ``left``: people of a client
    who is asked, with a role or the primary one, whom nobody can write to (W4).
    """

    key: ClientKey
    eligible: bool
    reason: Reason | None = None
    since: date | None = None
    since_source: SinceSource = "none"
    through_deal: DealFacts | None = None
    respondents: tuple[Respondent, ...] = ()
    manager: int | None = None
    detail: Facts = field(default_factory=dict)
    left: tuple[Person, ...] = ()


def manager_of(client: ClientFacts, through: DealFacts | None) -> int | None:
    """The account manager: of the chosen field, else the company's responsible, else the deal's (product.md E7)."""
    return client.manager or client.assigned_by or (through.assigned_by if through else None)


def assess(
    client: ClientFacts, policy: Policy, today: date, taken: frozenset[str] | set[str] = frozenset()
) -> Verdict:
    """Whether a client is asked on ``today`` (the portal's day on which the list is frozen).

    ``taken``: keys (``Respondent.keys``) of addresses and numbers already chosen in this list for another client;
    such a person was *asked recently*. Own companies and templates must be left out before (``is_client``).
    """
    through = current_through(client, policy, today)
    since = client_since(client, policy)
    chosen: tuple[Respondent, ...] = ()
    asked: Asked | None = None
    found = _relation_reason(policy, today, through, since.day if since else None)
    if found is None:
        asked = choose_respondents(client, policy, today, taken)
        found = _first(_client_reasons(client, policy, today), asked)
        chosen = asked.chosen if found is None else ()
    return Verdict(
        key=client.key,
        eligible=found is None,
        reason=found[0] if found else None,
        since=since.day if since else None,
        since_source=since.source if since else "none",
        through_deal=through,
        respondents=chosen,
        manager=manager_of(client, through),
        detail=found[1] if found else {},
        left=asked.left if chosen and asked else (),
    )


def needs_people(client: ClientFacts, policy: Policy, today: date) -> bool:
    """Whether the verdict hangs on e-mails at all, so that they are read for these clients only (T3)."""
    since = client_since(client, policy)
    through = current_through(client, policy, today)
    if _relation_reason(policy, today, through, since.day if since else None):
        return False
    return not _client_reasons(client, policy, today).keys() - {"excluded_by_hand"}


def freeze(clients: Iterable[ClientFacts], policy: Policy, today: date) -> Iterator[Verdict]:
    """A verdict for each client, in order, one at a time; what is not a client at all is left out.

    Nobody is asked twice in one list: an address or a number chosen for one client is taken for the next.
    """
    taken: set[str] = set()
    for client in clients:
        if not is_client(client):
            continue
        verdict = assess(client, policy, today, taken)
        taken.update(*(respondent.keys for respondent in verdict.respondents))
        yield verdict


@dataclass(frozen=True, slots=True)
class Asked:
    """The respondents chosen, and why there are none."""

    chosen: tuple[Respondent, ...]
    reason: Reason | None
    detail: Facts
    left: tuple[Person, ...] = ()


def choose_respondents(
    client: ClientFacts, policy: Policy, today: date, taken: frozenset[str] | set[str] = frozenset()
) -> Asked:
    """Respondents of one client (product.md E6): the primary contact first, then those with a role.

    Contacts without a role come in only if nobody before them can be reached; shared mailboxes only if
    no other address is left, and then one of them. Where the wave calls, a phone is enough (W7). With nobody: the
    first reason that holds for a person.
    """
    if not client.people:
        return Asked((), "no_respondent", {})
    barred: set[Reason] = set()
    own: list[Respondent] = []
    shared: list[Respondent] = []
    left: list[Person] = []
    for person in sorted(client.people, key=_order):
        reason = _person_reason(person, policy, today)
        if reason:
            barred.add(reason)
            continue
        respondent = _reach(person, policy, taken)
        if respondent is None:
            was_taken = _was_taken(person, policy, taken)
            barred.add("asked_recently" if was_taken else "no_channel")
            if (person.primary or person.role) and not was_taken:
                left.append(person)
        else:
            (shared if respondent.shared else own).append(respondent)
    chosen = _limit(own or shared[:1], policy)
    if len(chosen) == 1 and chosen[0].channel == "phone":
        chosen = (_alone(chosen[0], policy, taken),)
    if chosen:
        return Asked(chosen, None, {}, tuple(left))
    if "no_channel" in barred:
        return Asked((), "no_channel", {"people": len(client.people)})
    first = next(reason for reason in REASONS if reason in barred)
    return Asked((), first, {"people": len(client.people), "by_person": True})


def one_more(
    person: Person, policy: Policy, today: date, taken: frozenset[str] | set[str] = frozenset()
) -> Respondent | str:
    """One more person of a client that is being asked, named by a colleague: where to write, or why not (W12).

    ``asked_recently``, ``opted_out``, ``on_hold`` as for everybody; ``asked_already``: the address is on this list;
    ``no_channel``, ``dead_address``; ``shared_mailbox``: somebody else is there, so it is not used (product.md E6).
    """
    reason = _person_reason(person, policy, today)
    if reason:
        return reason
    found = _reach(person, policy, taken)
    if found is None and _was_taken(person, policy, taken):
        return "asked_already"
    if found is None:
        return "dead_address" if person.dead_addresses else "no_channel"
    return "shared_mailbox" if found.shared else found


def _limit(reachable: list[Respondent], policy: Policy) -> tuple[Respondent, ...]:
    chosen: list[Respondent] = []
    seen: set[str] = set()
    for respondent in reachable:
        wanted = respondent.person.primary or respondent.person.role is not None or not chosen
        # Two with the number of one desk are both written to, but nobody is called for whom it is the only way.
        keys = respondent.keys if respondent.channel == "phone" else {email_key(respondent.address)}
        if wanted and not keys & seen:
            seen |= respondent.keys
            chosen.append(respondent)
    return tuple(chosen[: policy.max_respondents])


def _order(person: Person) -> tuple[bool, int, int]:
    return not person.primary, _ROLE_ORDER[person.role], person.contact_id


def _reach(person: Person, policy: Policy, taken: frozenset[str] | set[str]) -> Respondent | None:
    free = [address for address in mail_addresses(person) if email_key(address) not in taken]
    phone = _number(person) if policy.calling else ""
    if _was_taken(person, policy, taken) or not (free or phone):
        return None
    own = [address for address in free if not is_shared(address, policy.shared_mailboxes)]
    if not own and phone:
        return Respondent(person, "phone", "", phone=phone)
    return Respondent(person, "email", own[0] if own else free[0], shared=not own, phone=phone)


def _alone(respondent: Respondent, policy: Policy, taken: frozenset[str] | set[str]) -> Respondent:
    """Who is the only one of a client, and reads a shared mailbox: it is used, since nobody else is there (E6)."""
    free = [address for address in mail_addresses(respondent.person) if email_key(address) not in taken]
    return replace(respondent, channel="email", address=free[0], shared=True) if free else respondent


def _number(person: Person) -> str:
    return next((phone for phone in person.phones if phone_key(phone)), "")


def _was_taken(person: Person, policy: Policy, taken: frozenset[str] | set[str]) -> bool:
    """Whether the person is on this list already: by an address, or by a number where people are called (E3)."""
    by_phone = policy.calling and any(phone_key(phone) in taken for phone in person.phones)
    return by_phone or any(email_key(address) in taken for address in mail_addresses(person))


def _person_reason(person: Person, policy: Policy, today: date) -> Reason | None:
    if _recently(person.last_asked_on, policy, today):
        return "asked_recently"
    if person.opted_out:
        return "opted_out"
    if person.hold_until and today < person.hold_until:
        return "on_hold"
    return None


def _recently(asked: date | None, policy: Policy, today: date) -> bool:
    return asked is not None and today < asked + timedelta(days=policy.min_gap_days)


_Found = tuple[Reason, Facts]


def _relation_reason(
    policy: Policy, today: date, through: DealFacts | None, since: date | None
) -> _Found | None:
    if through is None:
        return "not_current", {}
    if since is None:
        return "too_new", {"since": None}
    if (old_enough := add_months(since, policy.min_age_months)) > today:
        return "too_new", {"since": since.isoformat(), "from": old_enough.isoformat()}
    return None


def _client_reasons(client: ClientFacts, policy: Policy, today: date) -> dict[Reason, Facts]:
    found: dict[Reason, Facts] = {}
    if client.last_asked_on and _recently(client.last_asked_on, policy, today):
        found["asked_recently"] = {"asked_on": client.last_asked_on.isoformat()}
    if client.opted_out:
        found["opted_out"] = {}
    if (hold := hold_of(client, policy, today)) is not None:
        found["on_hold"] = hold
    if client.excluded_by_hand:
        found["excluded_by_hand"] = {"who": client.excluded_by_hand.who, "why": client.excluded_by_hand.why}
    return found


def _first(found: dict[Reason, Facts], asked: Asked) -> _Found | None:
    """The first reason that applies to the client or to its people, in the order of product.md E4."""
    if asked.reason:
        found.setdefault(asked.reason, asked.detail)
    return next(((reason, found[reason]) for reason in REASONS if reason in found), None)


def hold_of(client: ClientFacts, policy: Policy, today: date) -> Facts | None:
    """Why a client is kept out for now (product.md E5), None if it is not: card, rule, trouble stage."""
    if client.hold_until and today < client.hold_until:
        return {"why": "card", "until": client.hold_until.isoformat()}
    if client.trouble and (client.trouble_until is None or today < client.trouble_until):
        until = client.trouble_until.isoformat() if client.trouble_until else None
        return {"why": client.trouble, "until": until}
    for deal in client.deals:
        if deal.semantics == "P" and not deal.recurring and deal.stage_id in policy.trouble_stages:
            return {"why": "trouble_stage", "deal": deal.id, "until": None}
    return None
