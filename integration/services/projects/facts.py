"""What decides whether the client of a deal is asked about it: rows of ours, and addresses from the portal (W16)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from integration.nps.addresses import email_key, phone_key
from integration.nps.people import ClientFacts, ClientKey, Person
from integration.nps.policy import Policy
from integration.nps.projects import Occasion, Source, rules
from integration.nps.workdays import local_day, zone_named
from integration.services import policies, wave_trouble
from integration.services.deps import Deps
from integration.services.portals import rest_for
from integration.services.waves_people import History, Reach, known, read_reach, with_reach
from integration.services.waves_respondents import with_primary
from integration.store import dead_addresses, project_pages, snapshots, wave_cards, wave_queries
from integration.store import project_runs as rows
from integration.store.base import reading
from integration.store.clients import Deal
from integration.store.portals import Portal
from integration.store.project_runs import ProjectRun


@dataclass(frozen=True, slots=True)
class Said:
    """What the portal said just now: where people can be reached, clients with overdue critical tasks."""

    reach: Mapping[int, Reach]
    critical: Collection[ClientKey] = ()


def ask_portal(deps: Deps, portal_id: int, runs: Sequence[ProjectRun], *, interactive: bool = False) -> Said:
    """What only the portal knows about the clients of these runs, outside any transaction. Raises `BitrixError`."""
    with reading(deps.sessions) as session:
        policy, _ = policies.load(session, portal_id)
        contacts = {
            person.contact_id for run in runs for person in people_of(session, portal_id, run.deal_id)
        }
    if not contacts or not policy.project_surveys:
        return Said({})
    rest = rest_for(deps, portal_id, interactive=interactive)
    reach = read_reach(rest, contacts, policy.country)
    if not policy.critical_tasks:
        return Said(reach)
    return Said(reach, wave_trouble.with_critical_tasks(deps, portal_id, interactive=interactive))


def people_of(session: Session, portal_id: int, deal_id: int) -> list[Person]:
    """The people who may be asked about a deal, without addresses: its contact first, then those of its client."""
    deal = session.get(Deal, (portal_id, deal_id))
    if deal is None or deal.deleted_at is not None or not deal.client_kind:
        return []
    key = client_of(deal)
    own = ClientKey("contact", deal.contact_id or 0)
    found = snapshots.people(session, portal_id, {key, own})
    people = {person.contact_id: person for person in (*found.get(own, []), *found.get(key, []))}
    return with_primary(list(people.values()), deal.contact_id)


def client_of(deal: Deal) -> ClientKey:
    """The client of a deal that has one."""
    return ClientKey("company" if deal.client_kind == "company" else "contact", deal.client_id)


def occasion(
    session: Session, portal: Portal, policy: Policy, run: ProjectRun, said: Said, now: datetime
) -> Occasion:
    """All that the rule needs to know about a run, as it stands in this transaction."""
    deal = session.get(Deal, (portal.id, run.deal_id), populate_existing=True)
    due_at = run.started_at + timedelta(days=policy.project_delay_days)
    if deal is None or deal.deleted_at is not None:
        return Occasion(_source(run), due_at, there=False)
    client = _client(session, portal, policy, deal, said, now)
    people = client.people if client is not None else ()
    return Occasion(
        source=_source(run),
        due_at=due_at,
        recurring=deal.recurring,
        semantics=deal.semantics,
        stage_id=deal.stage_id,
        came_from=_came_from(session, run),
        client=client,
        in_wave=client is not None
        and rows.in_running_wave(
            session, portal.id, client.key, [p.contact_id for p in people], [e for p in people for e in p.emails]
        ),
    )  # fmt: skip


def _source(run: ProjectRun) -> Source:
    return "stage" if run.source == "stage" else "robot" if run.source == "robot" else "hand"


def _came_from(session: Session, run: ProjectRun) -> str | None:
    """The stage before the entry that started a run; the entry stands in its key (`entries`)."""
    move = run.key.rpartition(":")[2]
    if run.source != "stage" or not move.isdigit():
        return None
    return project_pages.before_entry(session, run.portal_id, run.deal_id, int(move))


def _client(
    session: Session, portal: Portal, policy: Policy, deal: Deal, said: Said, now: datetime
) -> ClientFacts | None:
    """The client with its people; None where the deal has none, or one that is none of the agency's."""
    if not deal.client_kind:
        return None
    key, zone = client_of(deal), zone_named(policy.time_zone)
    found = snapshots.clients_by_key(session, portal.id, policy, zone, [key], None).get(key)
    if found is None:
        return None
    people = with_reach(people_of(session, portal.id, deal.id), said.reach)
    asked = rows.last_asked(
        session, portal.id, key, [p.contact_id for p in people], [e for p in people for e in p.emails]
    )
    history = _history(session, portal.id, people, asked, policy)
    seen = known(people, history, rules(policy))
    mine = [local_day(at, zone) for client, _, _, at in asked if client == key]
    return replace(
        found,
        people=[seen[person.contact_id] for person in people],
        last_asked_on=max(mine, default=None),
        trouble=_trouble(session, portal.id, key, said),
    )


def _history(
    session: Session,
    portal_id: int,
    people: Sequence[Person],
    asked: Sequence[tuple[ClientKey, int, str, datetime]],
    policy: Policy,
) -> History:
    """Opt-outs, dead addresses and earlier questions about projects, of these people alone."""
    zone = zone_named(policy.time_zone)
    keys = {email_key(e) for p in people for e in p.emails} | {phone_key(n) for p in people for n in p.phones}
    keys |= {f"contact:{person.contact_id}" for person in people}
    days: dict[str, date] = {}
    for _, contact, address, at in asked:
        day = local_day(at, zone)
        for handle in (f"contact:{contact}", f"mail:{email_key(address)}"):
            days[handle] = max(day, days.get(handle, day))
    return History(
        frozenset(wave_queries.opt_outs(session, portal_id, keys - {""})),
        days,
        (),
        frozenset(dead_addresses.known(session, portal_id, [e for p in people for e in p.emails])),
    )


def _trouble(session: Session, portal_id: int, key: ClientKey, said: Said) -> str:
    """A rule that keeps the client out, besides its deals: an open case, an overdue critical task (product.md E5)."""
    if wave_cards.with_open_followups(session, portal_id, 0, [key]):
        return "open_follow_up"
    return "critical_task" if key in said.critical else ""
