"""The second pass of a freeze: people with their addresses, the final verdict, the invitations (product.md E6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from integration.nps.addresses import email_key, phone_key
from integration.nps.eligibility import Respondent, Verdict, assess, one_more
from integration.nps.errors import UnknownZone
from integration.nps.letters import LetterProblem, language_for, pick_sender
from integration.nps.people import ClientFacts, ClientKey, Exclusion, Person, Team
from integration.nps.policy import Policy
from integration.nps.relation import current_service_deals
from integration.nps.workdays import local_day, zone_named
from integration.nps.zones import zone_of_city
from integration.services import policies, wave_trouble
from integration.services.deps import Deps
from integration.services.portals import rest_for
from integration.services.waves_people import History, Reach, known, read_reach, with_reach
from integration.store import dead_addresses, snapshots, wave_cards, wave_lists, wave_queries
from integration.store import policies as policy_rows
from integration.store.base import reading, transaction
from integration.store.waves import WaveClient

_CHUNK = 400  # clients per step: their contacts fit in one request


@dataclass(frozen=True, slots=True)
class Freeze:
    """What one freeze works with, fixed at its start. `day`: the portal's day on which the list is frozen."""

    wave_id: int
    portal_id: int
    policy: Policy
    zone: ZoneInfo
    currency: str
    day: date


@dataclass(slots=True)
class People:
    """The people of a list under way. `taken`: keys of addresses and numbers that are already on it."""

    deps: Deps
    work: Freeze
    interactive: bool
    team: Team
    zones: Mapping[int, str]
    history: History
    last_asked: Mapping[ClientKey, date]
    troubled: Mapping[ClientKey, str]
    taken: set[str]

    @classmethod
    def begin(cls, deps: Deps, work: Freeze, *, interactive: bool) -> People:
        """Read what holds for everybody: who was asked when, who said never, who is on hold."""
        with reading(deps.sessions) as session:
            asked = wave_lists.asked_before(session, work.portal_id, work.wave_id)
            flagged = snapshots.flagged_people(session, work.portal_id, work.day)
            never = wave_queries.opt_outs(session, work.portal_id)
            dead = dead_addresses.known(session, work.portal_id)
            taken = wave_lists.taken_keys(session, work.portal_id, work.wave_id, phones=work.policy.calling)
            open_cases = wave_cards.with_open_followups(session, work.portal_id, work.wave_id)
            team = policies.team(session, work.portal_id)
            zones = {
                number: row.time_zone for number, row in policy_rows.staff(session, work.portal_id).items()
            }
        critical = (
            wave_trouble.with_critical_tasks(deps, work.portal_id, interactive=interactive)
            if work.policy.critical_tasks
            else set()
        )
        troubled = dict.fromkeys(open_cases, "open_follow_up") | dict.fromkeys(critical, "critical_task")
        by_client, by_handle = asked_days(asked, work.zone)
        reach = _read(deps, work, [person.contact_id for person in flagged], interactive)
        history = History(frozenset(never), by_handle, tuple(with_reach(flagged, reach)), frozenset(dead))
        return cls(deps, work, interactive, team, zones, history, by_client, troubled, taken)

    def settle(self, cursor: Mapping[str, Any]) -> bool:
        """Judge the next clients. False: nobody is left, or another worker is ahead."""
        with reading(self.deps.sessions) as session:
            lines = wave_lists.pending_clients(
                session, self.work.portal_id, self.work.wave_id, int(cursor["after"]), _CHUNK
            )
            clients, people, contacts = self._facts(session, lines)
        if not lines:
            return False
        everybody = [person.contact_id for group in people.values() for person in group]
        reach = _read(self.deps, self.work, everybody, self.interactive)
        seen = known(
            with_reach([p for group in people.values() for p in group], reach), self.history, self.work.policy
        )
        with transaction(self.deps.sessions) as session:
            if not wave_lists.advance_freeze(
                session, self.work.portal_id, self.work.wave_id, cursor, after=lines[-1].id
            ):
                return False
            invitations: list[dict[str, Any]] = []
            for line in lines:
                key = _key(line)
                group = with_primary(
                    [seen[p.contact_id] for p in people.get(key, [])], contacts.get(line.deal_id or 0)
                )
                verdict = self._judge(line, clients.get(key), group, cursor["excluded"])
                wave_lists.settle_client(
                    session,
                    self.work.portal_id,
                    line.id,
                    **_settled(verdict, clients.get(key), self.work.policy),
                )
                invitations += [self._invitation(line, verdict.manager, who) for who in verdict.respondents]
            wave_lists.add_invitations(session, invitations)
        return True

    def one_more(self, line: WaveClient, person: Person) -> dict[str, Any] | str:
        """The invitation of one more person of a client on the list, whom a colleague named, or the code of why not.

        Asks the portal for the addresses of the card. Raises `integration.bitrix.errors.BitrixError`.
        """
        reach = _read(self.deps, self.work, [person.contact_id], self.interactive)
        seen = known(with_reach([person], reach), self.history, self.work.policy)[person.contact_id]
        found = one_more(seen, self.work.policy, self.work.day, self.taken)
        return found if isinstance(found, str) else self._invitation(line, line.manager_id, found)

    def invited(self, line: WaveClient, manager: int | None, respondent: Respondent) -> dict[str, Any]:
        """The invitation of a person, as a row."""
        return self._invitation(line, manager, respondent)

    def _facts(
        self, session: Session, lines: Sequence[WaveClient]
    ) -> tuple[dict[ClientKey, ClientFacts], dict[ClientKey, list[Person]], dict[int, int]]:
        keys = [_key(line) for line in lines]
        deals = {deal for line in lines for deal in line.deal_ids}
        clients = snapshots.clients_by_key(
            session, self.work.portal_id, self.work.policy, self.work.zone, keys, deals
        )
        people = snapshots.people(session, self.work.portal_id, keys)
        contacts = snapshots.deal_contacts(
            session, self.work.portal_id, [line.deal_id for line in lines if line.deal_id]
        )
        return clients, people, contacts

    def _judge(
        self, line: WaveClient, client: ClientFacts | None, people: list[Person], excluded: Mapping[str, str]
    ) -> Verdict:
        """The final verdict; a card that has gone since the first pass is a client without deals."""
        key = _key(line)
        client = client or ClientFacts(key)
        who, _, why = excluded.get(str(key), "").partition(": ")
        client = replace(
            client,
            people=people,
            last_asked_on=self.last_asked.get(key),
            trouble=self.troubled.get(key, ""),
            excluded_by_hand=Exclusion(who, why) if who else None,
        )
        verdict = assess(client, self.work.policy, self.work.day, self.taken)
        self.taken.update(*(respondent.keys for respondent in verdict.respondents))
        return verdict

    def _invitation(self, line: WaveClient, manager: int | None, respondent: Respondent) -> dict[str, Any]:
        person = respondent.person
        source, zone = self._time_zone(person, manager, line.city)
        serving = {manager} if manager else set()
        sender = pick_sender("invitation", line.city, serving, self.work.policy, self.team)
        return {
            "portal_id": self.work.portal_id,
            "wave_id": self.work.wave_id,
            "wave_client_id": line.id,
            "contact_id": person.contact_id,
            "name": person.full_name[:400],
            "address": respondent.address,
            "phone": respondent.phone or next(iter(person.phones), ""),
            "shared": respondent.shared,
            "role": person.role or "",
            "language": language_for(person, self.work.policy),
            "time_zone": zone,
            "zone_source": source,
            "sender_key": "" if isinstance(sender, LetterProblem) else sender.key,
            "token": self.deps.dice.token(),
        }

    def _time_zone(self, person: Person, manager: int | None, city: str) -> tuple[str, str]:
        """Where it was found, and the zone: of the card's field, else of the address, else of the responsible employee,
        else the portal's (product.md E6)."""
        responsible = (self.zones.get(person.assigned_by or 0), self.zones.get(manager or 0))
        candidates = (
            ("field", person.time_zone), ("address", zone_of_city(city)),
            *(("responsible", name) for name in responsible),
        )  # fmt: skip
        known = ((source, name) for source, name in candidates if name and _is_zone(name))
        return next(known, ("portal", self.work.policy.time_zone))


def asked_days(
    rows: Sequence[tuple[ClientKey, int, str, str, str]], zone: ZoneInfo
) -> tuple[dict[ClientKey, date], dict[str, date]]:
    """The last day each client and each person was asked in another wave."""
    clients: dict[ClientKey, date] = {}
    persons: dict[str, date] = {}
    for client, contact, address, phone, moment in rows:
        day = local_day(datetime.fromisoformat(moment), zone)
        clients[client] = max(day, clients.get(client, day))
        handles = [f"contact:{contact}", f"mail:{email_key(address)}"]
        if number := phone_key(phone):
            handles.append(f"phone:{number}")
        for handle in handles:
            persons[handle] = max(day, persons.get(handle, day))
    return clients, persons


def _read(deps: Deps, work: Freeze, contact_ids: Sequence[int], interactive: bool) -> dict[int, Reach]:
    """Addresses from the portal, outside any transaction; nobody to read: no request."""
    if not contact_ids:
        return {}
    rest = rest_for(deps, work.portal_id, interactive=interactive)
    return read_reach(rest, set(contact_ids), work.policy.country)


def _key(line: WaveClient) -> ClientKey:
    return ClientKey("company" if line.client_kind == "company" else "contact", line.client_id)


def with_primary(people: list[Person], contact_id: int | None) -> list[Person]:
    """The contact of the deal is the primary one; else the card that was made first (product.md E6)."""
    ids = {person.contact_id for person in people}
    primary = contact_id if contact_id in ids else min(ids, default=None)
    return [replace(person, primary=person.contact_id == primary) for person in people]


def _settled(verdict: Verdict, client: ClientFacts | None, policy: Policy) -> dict[str, Any]:
    through = verdict.through_deal
    current = current_service_deals(client, policy) if client else []
    return {
        "eligible": verdict.eligible,
        "reason": verdict.reason or "",
        "reason_detail": detail_of(verdict)[:500],
        "deal_ids": [deal.id for deal in current if through is None or deal.id != through.id],
        "no_address": [{"contact": person.contact_id, "role": person.role or ""} for person in verdict.left],
    }


def detail_of(verdict: Verdict) -> str:
    """The facts of a verdict as the list keeps them; read back by `nps.standing.facts_from`."""
    if verdict.reason == "excluded_by_hand":
        return f"{verdict.detail.get('who')}: {verdict.detail.get('why')}"
    return "; ".join(f"{name}={value}" for name, value in verdict.detail.items())


def _is_zone(name: str) -> bool:
    try:
        zone_named(name)
    except UnknownZone:
        return False
    return True
