"""Set-up of a portal: what it must hold for us, compared and completed; what we must know of it, read.

May run at any time and as often as one likes: at installation, after an update of the application has
dropped the event bindings, after somebody deleted a field, and once a day (bitrix24.md 2.5). One at a time for
each portal, because two that look at the same moment would both make a tab.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from integration.bitrix import calls, manifest
from integration.bitrix.call import Call
from integration.bitrix.errors import BitrixError, Retryable
from integration.bitrix.links import Entity
from integration.bitrix.manifest import Found
from integration.bitrix.tabs import FoundTabs
from integration.i18n import language_of, portal_code
from integration.logs import log
from integration.services import automation, directory, field_labels, policies, rates, setup_facts
from integration.services.access import PortalRest
from integration.services.calls_queue import renumber, repair_fields
from integration.services.chore_types import Outcome
from integration.services.deps import Deps
from integration.services.portal_facts import facts_of
from integration.services.setup_facts import name_of
from integration.store import checks
from integration.store import chores as chore_rows
from integration.store import portals as rows
from integration.store.base import reading, transaction

STEP = 15  # calls of the plan in one request: a new field takes the portal a while
DAY = 86_400
RECONCILE_EVERY = 600
ALONE = timedelta(minutes=5)  # longer than a set-up takes; a killed one keeps the next waiting so long
UNDER_WAY = "setup_under_way"
SETTLE = timedelta(
    seconds=65
)  # a request that broke off may work in the portal for a minute (bitrix24.md 5.2)
OPTIONAL = ("tabs", "places", "sources")  # what a portal may refuse to show; all else is set up without


@dataclass(frozen=True, slots=True)
class SetUp:
    """What a set-up did: `added` calls, their names in `done`, and codes of what a person must settle."""

    added: int
    problems: tuple[str, ...]
    done: tuple[str, ...] = ()


def run(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """The chore `setup`."""
    setup(deps, portal_id)
    return Outcome()


def check(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """The daily chore `check`: like `setup`, without staff and pipelines, which the nightly walk reads."""
    setup(deps, portal_id, people=False)
    return Outcome()


def setup(deps: Deps, portal_id: int, *, interactive: bool = False, people: bool = True) -> SetUp:
    """Complete the portal's events, fields, tabs and source; read its settings, with `people` staff and pipelines.

    `interactive`: an administrator waits for it. Raises `BitrixError`; `Retryable` with the code `UNDER_WAY`
    while somebody else sets the same portal up, or while what an earlier one sent may still be at work there.
    """
    with _alone(deps, portal_id) as hold:
        return _setup(deps, portal_id, hold, interactive, people)


@dataclass(slots=True)
class _Hold:
    """The lease of one set-up. `unclear`: a request that adds something broke off, and may yet take effect."""

    deps: Deps
    portal_id: int
    holder: str
    unclear: bool = False

    def extend(self, by: timedelta = ALONE) -> None:
        """Before each request that adds something. Raises `Retryable` when somebody else has taken over."""
        with transaction(self.deps.sessions) as session:
            until = self.deps.clock.now() + by
            known = rows.get(session, self.portal_id) is not None
            if known and not checks.renew(session, self.portal_id, self.holder, until):
                raise Retryable("setup", UNDER_WAY, effect="none", after=10)


@contextmanager
def _alone(deps: Deps, portal_id: int) -> Iterator[_Hold]:
    hold = _Hold(deps, portal_id, f"{deps.settings.worker_name[:40]}:{deps.dice.token()[:16]}"[:64])
    with transaction(deps.sessions) as session:
        known = rows.get(session, portal_id) is not None
        mine = not known or checks.take(session, portal_id, hold.holder, deps.clock.now(), ALONE)
    if not mine:
        raise Retryable("setup", UNDER_WAY, effect="none", after=10)
    try:
        yield hold
    finally:
        with transaction(deps.sessions) as session:
            if rows.get(session, portal_id) is not None:
                if hold.unclear:
                    checks.renew(session, portal_id, hold.holder, deps.clock.now() + SETTLE)
                else:
                    checks.release(session, portal_id, hold.holder)


def _setup(deps: Deps, portal_id: int, hold: _Hold, interactive: bool, people: bool) -> SetUp:
    rest = PortalRest(deps, portal_id, interactive)
    wanted = wanted_of(deps, portal_id, again=interactive)
    found = _look(rest, wanted)
    plan = manifest.plan(wanted, *found)
    problems = [f"{p.entity}.{p.code}:{p.kind}" for p in plan.problems]
    if plan.calls:
        problems += _apply(hold, rest, plan.calls)
        found = _look(rest, wanted)
        left = manifest.plan(wanted, *found).calls
        problems += [f"missing:{name_of(call)}" for call in left] if not problems else []
    wish = automation.wish_of(deps, portal_id)
    got = rest.batch({**_settings(), **automation.reads(wish)})
    told = {key: answer.result for key, answer in got.answers.items()}
    found_people = directory.read(rest) if people else None
    _keep(deps, portal_id, wanted, found, problems, told, found_people)
    refused = {key: automation.code_of(error) for key, error in got.errors.items()}
    extras = automation.complete(deps, portal_id, wish, told, refused)
    log(__name__).info("portal.set_up", portal=portal_id, added=len(plan.calls), problems=problems)
    missing_tabs = [f"placement:{found[2].problem}"] if wanted.base and found[2].problem else []
    done = (*(name_of(call) for call in plan.calls), *extras)
    return SetUp(len(done), (*problems, *missing_tabs), done)


def _keep(
    deps: Deps,
    portal_id: int,
    wanted: manifest.Wanted,
    found: Found,
    problems: Sequence[str],
    settings: Mapping[str, Any],
    people: directory.Directory | None,
) -> None:
    """What was found, in one commit with what follows: writes that waited for a field or a list value go."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = rows.locked(session, portal_id)
        if portal is None:
            return
        known, portal.fields = portal.fields or {}, field_map(found[1], portal.fields or {})
        facts_of(portal, settings, now)
        rates.keep(session, portal, settings, now)
        portal.setup_at = now
        portal.problem = _problem(problems, found[2], portal.problem)
        if people is not None:
            directory.save(session, portal_id, people)
        setup_facts.keep(session, portal_id, setup_facts.facts(wanted, found), now)
        renumber(session, portal, known, now)
        repair_fields(session, portal, now)
        _order_periodic(session, portal_id, now)


def _problem(problems: Sequence[str], tabs: FoundTabs, known: str) -> str:
    """What the portal's row says is wrong: what a person must settle, else a scope that the tabs lack."""
    if problems:
        return f"setup:{problems[0]}"[:200]
    if tabs.problem in ("insufficient_scope", "invalid_scope"):
        return "scope:placement"
    return _without_setup(known)


def wanted_of(deps: Deps, portal_id: int, *, again: bool = True) -> manifest.Wanted:
    """What this portal should hold, by its kind, its language and its settings.

    `again`: also the source that has been there and was deleted by somebody, which only a person brings back.
    """
    with reading(deps.sessions) as session:
        portal = rows.get(session, portal_id)
        policy = policies.load(session, portal_id)[0] if portal is not None else None
        seen = checks.get(session, portal_id)
        source = policy.recommendation_id if policy is not None else ""
        add_source = again or not setup_facts.given_up(seen.found if seen else None, source)
    language, kind = (portal.language, portal.kind) if portal is not None else ("en", "market")
    sources = policy.referral_sources if policy is not None else ()
    names = policy.referral_source_names if policy is not None else {}
    web = kind != "webhook"
    return manifest.Wanted(
        handler=f"{deps.settings.public_url}/bitrix/events",
        labels=field_labels.labels(names),
        language=portal_code(language_of(language)),
        events=manifest.EVENTS if web else (),
        fields=manifest.fields_with(sources),
        base=deps.settings.public_url if web else "",
        source=source,
        add_source=add_source,
    )


def _look(rest: PortalRest, wanted: manifest.Wanted) -> Found:
    """What the portal holds; tabs and sources that it may not show stay unknown."""
    results: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for part in parts(manifest.look(wanted), calls.BATCH):
        got = rest.batch(part)
        for key, error in got.errors.items():
            if key not in OPTIONAL or isinstance(error, Retryable) or not isinstance(error, BitrixError):
                raise error
            refused[key] = error.code.lower() or "refused"
        results |= {key: answer.result for key, answer in got.answers.items()}
    return manifest.found_in(results, refused)


def _apply(hold: _Hold, rest: PortalRest, plan: Sequence[Call]) -> list[str]:
    """Make the plan's calls; what is refused is a problem for a person, what may work later raises.

    Nothing is made twice by a repetition: each set-up looks first, and not before a request that broke off
    has surely ended in the portal.
    """
    problems: list[str] = []
    numbered = {f"c{number}": call for number, call in enumerate(plan)}
    for part in parts(numbered, STEP):
        hold.extend()
        hold.unclear = True  # until the answer is here; a process that dies now leaves the lease to run out
        try:
            errors = rest.batch(part).errors
        except Retryable as broken:
            hold.unclear = broken.effect != "none"
            raise
        hold.unclear = any(isinstance(one, Retryable) and one.effect != "none" for one in errors.values())
        for key, error in errors.items():
            if isinstance(error, Retryable):
                raise error
            code = error.code if isinstance(error, BitrixError) else "error"
            if code.upper() != "ERROR_EVENT_BINDING_EXISTS":
                problems.append(f"{name_of(part[key])}:{code.lower() or 'refused'}")
    return problems


def parts(many: Mapping[str, Call], size: int) -> list[dict[str, Call]]:
    """Calls in requests of at most `size`."""
    items = list(many.items())
    return [dict(items[start : start + size]) for start in range(0, len(items), size)]


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


def field_map(
    found: Mapping[Entity, Sequence[dict[str, Any]]], known: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Our usable fields of a portal: card kind -> code -> id, type, items (XML_ID -> id) (bitrix24.md 8.4).

    What is `known` of a field's values arriving stays, as long as it is the same field.
    """
    usable = manifest.FieldMap.of(found)
    rows_of: dict[tuple[str, str], dict[str, Any]] = {
        (e, str(row.get("FIELD_NAME")).upper()): row for e, many in found.items() for row in many
    }
    fields: dict[str, Any] = {}
    for entity, codes in usable.fields.items():
        for code, items in codes.items():
            row = rows_of.get((entity, code), {})
            one = {
                "id": int(row.get("ID") or 0),
                "type": str(row.get("USER_TYPE_ID") or ""),
                "items": dict(items),
            }
            before = ((known or {}).get(entity) or {}).get(code) or {}
            if before.get("proven") and (before.get("id"), before.get("type")) == (one["id"], one["type"]):
                one["proven"] = True
            fields.setdefault(entity, {})[code] = one
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
    for name in ("walk", "check", "prune", "referrals", "referral_ladder"):
        chore_rows.ensure(session, portal_id, name, now, now + day, every_seconds=DAY)
    chore_rows.ensure(session, portal_id, "plan_wave", now, now, every_seconds=DAY)
