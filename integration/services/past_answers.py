"""Answers of old surveys become past waves: cards, trend and the "asked recently" rule know them (product.md T9).

An imported wave is closed from the beginning: nothing is sent, no task is made, no card is written to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy.orm import Session

from integration.nps.past_answers import RowProblem, Unreadable, read
from integration.nps.plans import Plan
from integration.nps.scoring import group
from integration.nps.statistics import Counts, nps
from integration.nps.workdays import local_day, zone_named
from integration.services import own_clients, policies, waves_close
from integration.services.deps import Deps
from integration.services.letter_drafts import scene
from integration.services.past_people import Cards, Placed, Tell, place, read_cards, said
from integration.services.past_tables import ImportRefused as ImportRefused
from integration.services.past_tables import table_of as table_of
from integration.store import past_answers as rows
from integration.store import wave_queries
from integration.store.base import transaction
from integration.store.portals import Portal
from integration.store.waves import Wave

__all__ = ["ImportRefused", "Imported", "import_answers", "table_of"]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, or with `dry_run` would do. `unchanged`: rows the wave has already."""

    wave: str
    taken: int
    unchanged: int
    clients: int
    nps: float | None
    first: date | None
    last: date | None
    problems: tuple[RowProblem, ...]
    dry_run: bool = False


def import_answers(
    deps: Deps,
    portal_id: int,
    table: Sequence[Sequence[str]],
    *,
    wave: str,
    who: str,
    source: str = "",
    dry_run: bool = False,
    tell: Tell = lambda step: None,
) -> Imported:
    """Make a closed wave of a table, or add to one an earlier import made; the same table twice changes nothing.

    `who`: kept as the recorder; `source`: the file's name, kept with every answer. Rows that cannot be taken are
    in `problems`, the others are taken. Raises `ImportRefused`.
    """
    name = " ".join(wave.split())
    if not 0 < len(name) <= 32:
        raise ImportRefused(code="bad_name")
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = session.get(Portal, portal_id)
        if portal is None or portal.synced_at is None:
            raise ImportRefused(str(portal_id), code="no_such_portal" if portal is None else "not_synced")
        policy, _ = policies.load(session, portal_id)
    zone = zone_named(policy.time_zone)
    try:
        answers, problems = read(table, zone, now)
    except Unreadable as error:
        raise ImportRefused(str(error), code=error.code) from error
    cards = read_cards(deps, portal_id, answers, policy.country, tell)
    tell("rows")
    found, unknown = place(answers, cards)
    tell("saving")
    fresh, unchanged, differing = _save(deps, portal_id, name, found, cards, who, source, now, dry_run)
    problems = sorted([*problems, *unknown, *differing], key=lambda problem: problem.number)
    days = [local_day(row.answer.at, zone) for row in fresh]
    scores = Counts.of(group(row.answer.score) for row in fresh)
    return Imported(
        wave=name, taken=len(fresh), unchanged=unchanged, clients=len({row.client for row in fresh}),
        nps=nps(scores), first=min(days, default=None), last=max(days, default=None),
        problems=tuple(problems), dry_run=dry_run,
    )  # fmt: skip


def _save(
    deps: Deps,
    portal_id: int,
    name: str,
    found: Sequence[Placed],
    cards: Cards,
    who: str,
    source: str,
    now: datetime,
    dry_run: bool,
) -> tuple[list[Placed], int, list[RowProblem]]:
    with transaction(deps.sessions) as session:
        wave = rows.wave_named(session, portal_id, name)
        if wave is not None and wave.origin != rows.ORIGIN:
            raise ImportRefused(name, code="name_taken")
        known = rows.answers(session, portal_id, wave.id) if wave is not None else {}
        own = own_clients.of_recorder(session, portal_id, {row.client for row in found}, who)
        fresh = [row for row in found if row.contact not in known and row.client not in own]
        differing = [
            RowProblem(row.answer.number, "differs", str(known[row.contact][0]))
            for row in found
            if row.contact in known and known[row.contact] != said(row.answer)
        ]
        mine = [row for row in found if row.contact not in known and row.client in own]
        differing += [RowProblem(row.answer.number, "own_client", who) for row in mine]
        unchanged = len(found) - len(fresh) - len(differing)
        if dry_run or not fresh:
            return fresh, unchanged, differing
        wave = wave or _new_wave(deps, session, portal_id, name, now)
        lines = [_row(deps, row, cards, who, source, now) for row in fresh]
        rows.add_answers(session, portal_id, wave.id, lines)
        _close(session, wave, who, now)
        wave_queries.note(session, wave, now, "imported", who, f"{len(fresh)}: {source}")
    return fresh, unchanged, differing


def _new_wave(deps: Deps, session: Session, portal_id: int, name: str, now: datetime) -> Wave:
    """A wave that the machine never looks at; two imports at once: the second one finds the name taken."""
    _, version = policies.ensure_stored(session, portal_id, deps)
    wave_id = wave_queries.add_wave(
        session, portal_id, name, policy_version=version, plan={}, planned_at=now, origin=rows.ORIGIN
    )
    if wave_id is None:
        raise ImportRefused(name, code="name_taken")
    return cast("Wave", wave_queries.wave(session, portal_id, wave_id))


def _close(session: Session, wave: Wave, who: str, now: datetime) -> None:
    """Dates from the answers themselves; the numbers as those of any closed wave, and final."""
    policy = policies.load_version(session, wave.portal_id, wave.policy_version)
    zone = zone_named(policy.time_zone)
    first, last = rows.span(session, wave.portal_id, wave.id)
    begin, end = local_day(first, zone), local_day(last, zone)
    plan = Plan(policy.time_zone, begin, (), begin, begin, None, begin, (), end, end)
    wave.plan, wave.stage, wave.step_due_at = plan.to_json(), "closed", None
    wave.planned_at = wave.frozen_at = first
    wave.closed_at, wave.closed_by, wave.result_frozen_at = last, who[:200], now
    session.flush()
    wave.result = waves_close.result(session, scene(session, wave, now))


def _row(deps: Deps, row: Placed, cards: Cards, who: str, source: str, now: datetime) -> dict[str, Any]:
    answer, client = row.answer, row.client
    titles = cards.titles if client.kind == "company" else cards.names
    detail = {"channel": answer.channel, "source": source, "row": answer.number}
    return {
        "client": {
            "client_kind": client.kind, "client_id": client.id, "name": titles[client.id][:500],
            "city": cards.cities.get(client.id, "") if client.kind == "company" else "", "eligible": True,
        },
        "invitation": {
            "contact_id": row.contact, "name": (cards.names.get(row.contact) or answer.name)[:400],
            "address": answer.email[:255], "token": deps.dice.token(), "revoked_at": now, "outcome": "answered",
            "outcome_at": answer.at, "outcome_detail": {name: value for name, value in detail.items() if value},
        },
        "response": {
            "score": answer.score, "comment": answer.comment, "channel": "import", "status": "counted",
            "recorded_by": who[:200], "answered_at": answer.at,
        },
    }  # fmt: skip
