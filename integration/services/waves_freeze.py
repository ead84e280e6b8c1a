"""Freezing the list of a wave: everybody with one reason, or asked (product.md E3 to E7).

Two passes, both resumable, each step one short transaction. First every client is judged by its deals as
they stream by; who is not current or too new is final. Then, in chunks, the people of the others are read
from the portal and judged. Where it stands is kept in the wave's plan and advanced by compare-and-set, so
that a crash loses nothing and a second worker does no harm.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from sqlalchemy.orm import Session

from integration.nps.eligibility import assess
from integration.nps.people import ClientFacts, ClientKey, DealFacts
from integration.nps.plans import Plan, plan
from integration.nps.policy import Policy
from integration.nps.rates import Rates
from integration.nps.relation import client_since, current_service_deals, revenue
from integration.nps.workdays import local_day, zone_named
from integration.services import policies
from integration.services.deps import Deps
from integration.services.letter_drafts import calendar_for
from integration.services.waves_errors import WaveError
from integration.services.waves_respondents import Freeze, People, detail_of
from integration.store import rates, snapshots, wave_lists, wave_queries
from integration.store.base import reading, transaction
from integration.store.portals import Portal
from integration.store.wave_lists import PENDING
from integration.store.waves import Wave

_CHUNK = 500  # lines written at a time in the first pass
FINAL_BY_DEALS = ("not_current", "too_new")


def freeze(
    deps: Deps, portal_id: int, wave_id: int, *, steps: int = 1_000_000, interactive: bool = False
) -> dict[str, int]:
    """Freeze the list of a wave that is not approved yet, or go on where a crash stopped it.

    At most `steps` transactions; the list stands when the wave has its `frozen_at`. A list that stands is
    made anew. Returns the number of clients by reason; the empty reason is asked. `interactive`: a person
    waits. Raises `WaveError` for an unknown, approved or ended wave, and `BitrixError` when the portal cannot
    be read or asks for patience: then call again later.
    """
    with transaction(deps.sessions) as session:
        work = _begin(deps, session, portal_id, wave_id)
    people: People | None = None
    while steps > 0 and (cursor := _cursor(deps, work)) is not None:
        if cursor["phase"] == "clients":
            going_on = _pass_clients(deps, work, cursor, steps)
            steps = steps - 1 if going_on else 0
        else:
            steps -= 1
            people = people or People.begin(deps, work, interactive=interactive)
            going_on = people.settle(cursor) or _finish(deps, work, cursor)
        if not going_on:
            break
    with reading(deps.sessions) as session:
        return wave_lists.reasons(session, portal_id, wave_id)


def _begin(deps: Deps, session: Session, portal_id: int, wave_id: int) -> Freeze:
    """Take up a freeze under way, or clear the list and start one with today's rules."""
    now = deps.clock.now()
    wave = wave_queries.locked(session, portal_id, wave_id)
    if wave is None:
        raise WaveError("no_such_wave", str(wave_id))
    if wave.approved_by or wave.stage not in ("draft", "rehearsed"):
        raise WaveError("list_is_final", wave.name)
    portal = session.get_one(Portal, wave.portal_id)
    if "freeze" not in wave.plan:
        policy, version = policies.ensure_stored(session, portal.id, deps)
        day = local_day(now, zone_named(policy.time_zone))
        excluded = _excluded(session, portal_id, wave_id)
        wave_lists.clear_list(session, portal_id, wave_id)
        wave.policy_version = version
        wave.plan = {
            **wave.plan,
            **_planned_anew(wave, portal, policy, now),
            "freeze": {"phase": "clients", "after": "", "day": day.isoformat(), "excluded": excluded},
        }
        wave.frozen_at = None
        wave.stage = "draft"
    else:
        policy = policies.load_version(session, portal.id, wave.policy_version)
        day = date.fromisoformat(wave.plan["freeze"]["day"])
    return Freeze(wave_id, portal.id, policy, zone_named(portal.time_zone), portal.currency, day)


def _planned_anew(wave: Wave, portal: Portal, policy: Policy, now: datetime) -> dict[str, Any]:
    """The dates by the rules the list is frozen with; they may have changed since the draft. Days that a person chose
    for this wave stay (product.md W1)."""
    start = Plan.from_json(wave.plan).start
    if wave.plan.get("dates_by_hand"):
        return {"zone": policy.time_zone}
    return plan(start, policy, calendar_for(portal, policy, now).letters).to_json()


def _excluded(session: Session, portal_id: int, wave_id: int) -> dict[str, str]:
    """Exclusions by hand outlive a list that is frozen anew (product.md E7)."""
    lines = wave_lists.lines_by_reason(session, portal_id, wave_id, "excluded_by_hand", 100_000)
    return {str(ClientKey(line.client_kind, line.client_id)): line.reason_detail for line in lines}  # type: ignore[arg-type]


def _cursor(deps: Deps, work: Freeze) -> dict[str, Any] | None:
    with reading(deps.sessions) as session:
        wave = wave_queries.wave(session, work.portal_id, work.wave_id)
        return wave.plan.get("freeze") if wave is not None else None


def _pass_clients(deps: Deps, work: Freeze, cursor: dict[str, Any], steps: int) -> bool:
    """Judge clients by their deals. False: enough for now, or another worker is ahead."""
    after = ClientKey.parse(cursor["after"]) if cursor["after"] else None
    with reading(deps.sessions) as session:
        stream = snapshots.clients(session, work.portal_id, work.policy, work.zone, after)
        known = rates.read(session, work.portal_id, work.currency)
        for lines in _chunks(_line(work, client, known) for client in stream):
            last = f"{lines[-1]['client_kind']}:{lines[-1]['client_id']}"
            with transaction(deps.sessions) as writing:
                if not wave_lists.advance_freeze(writing, work.portal_id, work.wave_id, cursor, after=last):
                    return False
                wave_lists.add_clients(writing, lines)
            cursor, steps = {**cursor, "after": last}, steps - 1
            if steps <= 0:
                return False
    with transaction(deps.sessions) as writing:
        return wave_lists.advance_freeze(
            writing, work.portal_id, work.wave_id, cursor, phase="people", after=0
        )


def _chunks(lines: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while chunk := list(islice(lines, _CHUNK)):
        yield chunk


def _line(work: Freeze, client: ClientFacts, known: Rates) -> dict[str, Any]:
    """One line of the list, judged by the deals alone."""
    verdict = assess(client, work.policy, work.day)
    final = verdict.reason in FINAL_BY_DEALS
    through = verdict.through_deal
    since = client_since(client, work.policy)
    began = since.deal if since else None
    return {
        "portal_id": work.portal_id,
        "wave_id": work.wave_id,
        "client_kind": client.key.kind,
        "client_id": client.key.id,
        "name": client.name[:500],
        "city": client.city[:200],
        "eligible": False,
        "reason": verdict.reason if final else PENDING,
        "reason_detail": detail_of(verdict)[:500] if final else "",
        "since": verdict.since,
        "since_source": verdict.since_source,
        "deal_id": through.id if through else None,
        # Until the people are judged: the deals the verdict rests on; afterwards the current ones (B2).
        "deal_ids": [] if final else _decisive(client, work.policy, (through, began)),
        "manager_id": verdict.manager,
        "salesperson_id": client.sales or _salesperson(client, (began, through)),
        "yearly_revenue": _revenue(work, client, known),
    }


def _decisive(client: ClientFacts, policy: Policy, deals: tuple[DealFacts | None, ...]) -> list[int]:
    """Deals without which the verdict would be another: judged again with these alone it is the same."""
    chosen = {deal.id for deal in current_service_deals(client, policy)}
    chosen |= {
        deal.id for deal in client.deals if deal.semantics == "P" and deal.stage_id in policy.trouble_stages
    }
    return sorted(chosen | {deal.id for deal in deals if deal is not None})


def _salesperson(client: ClientFacts, deals: tuple[DealFacts | None, ...]) -> int | None:
    """Who sold: the responsible of the deal the relation began with, else of the current one (product.md E7)."""
    return next((deal.assigned_by for deal in deals if deal and deal.assigned_by), client.assigned_by)


def _revenue(work: Freeze, client: ClientFacts, known: Rates) -> Decimal:
    """The year's revenue in the base currency: of the chosen field, else of the deals won (product.md E7, N8)."""
    if client.revenue is None:
        return revenue(client.deals, work.day, known.to_base)
    return known.to_base(client.revenue, client.revenue_currency, work.day)


def _finish(deps: Deps, work: Freeze, cursor: dict[str, Any]) -> bool:
    """The list stands. False: another worker is ahead."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        wave = wave_queries.locked(session, work.portal_id, work.wave_id)
        if wave is None or wave.plan.get("freeze") != cursor:
            return False
        if wave_lists.pending_clients(session, work.portal_id, work.wave_id, 0, 1):
            return False
        wave.plan = {name: value for name, value in wave.plan.items() if name != "freeze"}
        wave.frozen_at = now
        found = wave_lists.reasons(session, work.portal_id, work.wave_id)
        told = ", ".join(f"{reason or 'eligible'}: {n}" for reason, n in sorted(found.items()))
        wave_queries.note(session, wave, now, "frozen", detail=told)
        return True
