"""Set-up of a portal: what it must hold for us, compared and completed; what we must know of it, read.

May run at any time and as often as one likes: at installation, after an update of the application has
dropped the event bindings, after somebody deleted a field, and once a day (bitrix24.md 2.5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from integration.bitrix import calls, manifest
from integration.bitrix.call import Call
from integration.bitrix.errors import BitrixError, Retryable
from integration.bitrix.links import Entity
from integration.i18n import language_of, portal_code
from integration.logs import log
from integration.services import directory, field_labels
from integration.services.access import PortalRest
from integration.services.calls_queue import repair_fields
from integration.services.chore_types import Outcome
from integration.services.deps import Deps
from integration.services.portal_facts import facts_of
from integration.store import chores as chore_rows
from integration.store import portals as rows
from integration.store.base import reading, transaction

STEP = 15  # calls of the plan in one request: a new field takes the portal a while
DAY = 86_400
RECONCILE_EVERY = 600
Found = tuple[list[dict[str, Any]], dict[Entity, list[dict[str, Any]]]]


@dataclass(frozen=True, slots=True)
class SetUp:
    """What a set-up did: `added` calls, and codes of what a person must settle."""

    added: int
    problems: tuple[str, ...]


def run(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """The chore `setup`."""
    setup(deps, portal_id)
    return Outcome()


def check(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """The daily chore `check`: like `setup`, without staff and pipelines, which the nightly walk reads."""
    setup(deps, portal_id, people=False)
    return Outcome()


def setup(deps: Deps, portal_id: int, *, interactive: bool = False, people: bool = True) -> SetUp:
    """Complete the portal's events and fields and read its settings, with `people` also staff and pipelines.

    `interactive`: an administrator waits for it on the installer page. Raises `BitrixError`.
    """
    rest = PortalRest(deps, portal_id, interactive)
    wanted = _wanted(deps, portal_id)
    found = _look(rest, wanted)
    plan = manifest.plan(wanted, *found)
    problems = [f"{p.entity}.{p.code}:{p.kind}" for p in plan.problems]
    if plan.calls:
        problems += _apply(rest, plan.calls)
        found = _look(rest, wanted)
        left = manifest.plan(wanted, *found).calls
        problems += [f"missing:{_name(call)}" for call in left] if not problems else []
    answers = rest.batch(_settings()).answers
    found_people = directory.read(rest) if people else None
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = rows.locked(session, portal_id)
        if portal is not None:
            portal.fields = field_map(found[1])
            facts_of(portal, {key: answer.result for key, answer in answers.items()}, now)
            portal.setup_at = now
            portal.problem = f"setup:{problems[0]}"[:200] if problems else _without_setup(portal.problem)
            if found_people is not None:
                directory.save(session, portal_id, found_people)
            repair_fields(session, portal, now)
            _order_periodic(session, portal_id, now)
    log(__name__).info("portal.set_up", portal=portal_id, added=len(plan.calls), problems=problems)
    return SetUp(len(plan.calls), tuple(problems))


def _wanted(deps: Deps, portal_id: int) -> manifest.Wanted:
    with reading(deps.sessions) as session:
        portal = rows.get(session, portal_id)
    language, kind = (portal.language, portal.kind) if portal is not None else ("en", "market")
    return manifest.Wanted(
        handler=f"{deps.settings.public_url}/bitrix/events",
        labels=field_labels.labels(),
        language=portal_code(language_of(language)),
        events=() if kind == "webhook" else manifest.EVENTS,
    )


def _look(rest: PortalRest, wanted: manifest.Wanted) -> Found:
    reads = manifest.look(wanted)
    if not wanted.events:
        reads.pop("events", None)
    results: dict[str, Any] = {}
    for part in _parts(reads, calls.BATCH):
        got = rest.batch(part)
        for error in got.errors.values():
            raise error
        results |= {key: answer.result for key, answer in got.answers.items()}
    return manifest.found_in(results)


def _apply(rest: PortalRest, plan: Sequence[Call]) -> list[str]:
    """Make the plan's calls; what is refused is a problem for a person, what may work later raises.

    Fields are not created twice by a repetition, because each set-up looks first.
    """
    problems: list[str] = []
    numbered = {f"c{number}": call for number, call in enumerate(plan)}
    for part in _parts(numbered, STEP):
        for key, error in rest.batch(part).errors.items():
            if isinstance(error, Retryable):
                raise error
            code = error.code if isinstance(error, BitrixError) else "error"
            if code.upper() != "ERROR_EVENT_BINDING_EXISTS":
                problems.append(f"{_name(part[key])}:{code.lower() or 'refused'}")
    return problems


def _parts(many: Mapping[str, Call], size: int) -> list[dict[str, Call]]:
    items = list(many.items())
    return [dict(items[start : start + size]) for start in range(0, len(items), size)]


def _name(call: Call) -> str:
    """What a planned call is about, for people."""
    fields = call.params.get("fields") or {}
    return str(call.params.get("event") or fields.get("FIELD_NAME") or call.params.get("id") or call.method)


def _settings() -> dict[str, Call]:
    return {
        "profile": calls.profile(),
        "time": calls.server_time(),
        "app": calls.app_info(),
        "currencies": calls.currency_list(),
        "calendar": calls.calendar_settings(),
        "mode": calls.mode_get(),
    }


def _without_setup(problem: str) -> str:
    return "" if problem.startswith(("setup:", "scope:")) else problem


def field_map(found: Mapping[Entity, Sequence[dict[str, Any]]]) -> dict[str, Any]:
    """Our usable fields of a portal: card kind -> code -> id, type, items (XML_ID -> id) (bitrix24.md 8.4)."""
    usable = manifest.FieldMap.of(found)
    rows_of = {(e, str(row.get("FIELD_NAME")).upper()): row for e, many in found.items() for row in many}
    fields: dict[str, Any] = {}
    for entity, codes in usable.fields.items():
        for code, items in codes.items():
            row = next((r for (e, name), r in rows_of.items() if (e, name) == (entity, code)), {})
            kind = str(row.get("USER_TYPE_ID") or "")
            fields.setdefault(entity, {})[code] = {
                "id": int(row.get("ID") or 0),
                "type": kind,
                "items": dict(items),
            }
    return fields


def _order_periodic(session: Any, portal_id: int, now: datetime) -> None:
    day = timedelta(seconds=DAY)
    chore_rows.ensure(
        session,
        portal_id,
        "reconcile",
        now,
        now + timedelta(seconds=RECONCILE_EVERY),
        every_seconds=RECONCILE_EVERY,
    )
    for name in ("walk", "check", "prune"):
        chore_rows.ensure(session, portal_id, name, now, now + day, every_seconds=DAY)
    chore_rows.ensure(session, portal_id, "plan_wave", now, now, every_seconds=DAY)
