"""The set-up check-list: what must be there, and is it (product.md B1, T1).

A page shows what was last seen, at once; *check now* reads the portal in at most two requests; *repair* runs
the set-up, which adds only what is missing, and says what it did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy.orm import Session

from integration.bitrix import calls, manifest, widgets
from integration.bitrix.call import Call
from integration.bitrix.errors import BitrixError
from integration.services import automation, setup, setup_facts
from integration.services.access import PortalRest
from integration.services.deps import Deps
from integration.services.keyholders import names
from integration.services.layout_places import Place, codes_of, places
from integration.store import checks
from integration.store import chores as chore_rows
from integration.store import portals as rows
from integration.store.base import reading, transaction
from integration.store.chores import ChoreRow
from integration.store.portals import Portal

State = Literal["ok", "missing", "wrong", "unknown", "busy"]
NEEDED = ("crm", "task", "user", "department", "placement")
ANY_OF = {"user": ("user", "user_brief", "user_basic")}
SILENT = timedelta(minutes=3)  # a worker that has not been heard of for so long is taken for dead
REQUESTS = 2  # to the portal for one check
RETRIED = ("setup", "first_sync")  # chores that a repair begins anew when they were given up
LATE = timedelta(hours=1)  # behind the plan of reconciliation


@dataclass(frozen=True, slots=True)
class Item:
    """One line: what it is about, how it stands, and what the words for it need.

    `facts` by `code`: `scopes` missing; `events` wanted, missing; `source` code, how, alike; `tab` kind, how;
    `fields` kind, wanted, missing, wrong; `items` kind, missing; `layout` kind, part, name, shown, of, stored;
    moments under `at`.
    """

    group: Literal["access", "cards", "work"]
    code: str
    state: State
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checklist:
    """All lines. `checked_at`: when the portal was last looked at; `repair`: the last one: who, at, done, problems.

    `plan`: what a repair would add, by the names that it will say it did.
    """

    items: tuple[Item, ...]
    checked_at: datetime | None
    repair: Mapping[str, Any]
    plan: tuple[str, ...] = ()

    @property
    def open(self) -> tuple[Item, ...]:
        """Lines that a person should look at."""
        return tuple(item for item in self.items if item.state in ("missing", "wrong"))


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair did: names of what was added, codes of what a person must settle. `code`: why it could not run,
    `setup_under_way` or the portal's own code; empty when it ran."""

    done: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    code: str = ""


def read(deps: Deps, portal_id: int) -> Checklist | None:
    """What is known, without asking the portal; nothing if there is no such portal."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        portal = rows.get(session, portal_id)
        if portal is None:
            return None
        known = checks.get(session, portal_id)
        found: dict[str, Any] = dict((known.found if known else None) or {})
        items = (
            _scopes(portal, found), _events(portal, found), Item("access", "keys", "ok", names(session, portal)),
            _source(found),
            *(Item("access", *one) for one in automation.standing(portal.kind, found)),
            _worker(session, now), _first_sync(session, portal),
            _reconciled(session, portal, now),
            _last_event(session, portal), *_cards(portal, found, places(session, portal)),
        )  # fmt: skip
        return Checklist(
            tuple(item for item in items if item is not None),
            known.checked_at if known else None,
            dict((known.repair if known else None) or {}),
            (*(found.get("plan") or ()), *automation.missing(found)),
        )


def check(deps: Deps, portal_id: int) -> str:
    """Look at the portal now and keep what was found; nothing is changed there. Empty, or why it could not be asked."""
    with reading(deps.sessions) as session:
        portal = rows.get(session, portal_id)
        known = places(session, portal) if portal is not None else []
    if portal is None:
        return "unknown"
    wanted, wish = setup.wanted_of(deps, portal_id), automation.wish_of(deps, portal_id)
    rest = PortalRest(deps, portal_id, True)
    results: dict[str, Any] = {}
    errors: dict[str, str] = {}
    try:
        for part in setup.parts(_reads(wanted, known, wish), calls.BATCH):
            got = rest.batch(part)
            results |= {key: answer.result for key, answer in got.answers.items()}
            errors |= {key: _code(error) for key, error in got.errors.items()}
    except BitrixError as error:
        return error.code.lower() or "refused"
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        found = _found(wanted, portal, known, results, errors)
        found |= automation.facts(wish, results, errors) if wish is not None else {}
        setup_facts.keep(session, portal_id, found, now)
        row = rows.locked(session, portal_id)
        if row is not None and isinstance(results.get("scope"), list):
            row.scope = ",".join(str(one) for one in results["scope"])[:500]
    return ""


def repair(deps: Deps, portal_id: int, who: str) -> Repaired:
    """Add what is missing, begin anew what was given up, look again; safe to repeat and for two at once."""
    now = deps.clock.now()
    try:
        done = setup.setup(deps, portal_id, interactive=True, people=False)
    except BitrixError as error:
        return Repaired(code=error.code.lower() or "refused")
    begun: list[str] = []
    with transaction(deps.sessions) as session:
        for name in RETRIED:
            row = chore_rows.get(session, portal_id, name)
            if row is not None and row.status == "buried":
                chore_rows.schedule(session, portal_id, name, now)
                begun.append(f"chore:{name}")
        result = Repaired((*done.done, *begun), done.problems)
        checks.locked(session, portal_id).repair = {
            "who": who, "at": now.isoformat(), "done": list(result.done), "problems": list(result.problems),
        }  # fmt: skip
    check(deps, portal_id)
    return result


def _reads(wanted: manifest.Wanted, known: list[Place], wish: automation.Wish | None) -> dict[str, Call]:
    """What a check asks, never more than fits into its requests: pipelines beyond that are not looked at."""
    reads = {**manifest.look(wanted), "scope": calls.scope(), **automation.reads(wish)}
    room = REQUESTS * calls.BATCH - len(reads)
    for place in known[:room]:
        reads[_layout_key(place)] = widgets.layout_get(place.kind, place.part)
    return reads


def _layout_key(place: Place) -> str:
    return f"layout:{place.kind}:{place.part}"


def _code(error: Exception) -> str:
    return str(getattr(error, "code", "") or "refused").lower()


def _found(
    wanted: manifest.Wanted,
    portal: Portal,
    known: list[Place],
    results: Mapping[str, Any],
    errors: Mapping[str, str],
) -> dict[str, Any]:
    """The facts of one look. What the portal did not tell keeps no old value: it is not known."""
    found = setup_facts.facts(wanted, manifest.found_in(results, errors))
    if "events" in errors:
        found["events"] = {}
    for entity in setup_facts.ENTITIES:
        if any(key.startswith(f"{entity}_") for key in errors):
            found["fields"][entity] = {}
    found["layouts"] = {
        f"{place.kind}:{place.part}": setup_facts.layout(results[key], codes_of(portal, place.kind))
        for place in known
        if (key := _layout_key(place)) in results
    }
    return found


# --- lines


def _scopes(portal: Portal, found: Mapping[str, Any]) -> Item | None:
    if portal.kind == "webhook":
        return None
    granted = {one for one in portal.scope.replace(" ", ",").split(",") if one}
    if not granted:
        return Item("access", "scopes", "unknown")
    missing = [one for one in NEEDED if not granted & set(ANY_OF.get(one, (one,)))]
    return Item("access", "scopes", "missing" if missing else "ok", {"missing": missing})


def _events(portal: Portal, found: Mapping[str, Any]) -> Item | None:
    if portal.kind == "webhook":
        return None
    seen = found.get("events") or {}
    if not seen:
        return Item("access", "events", "unknown")
    state: State = "missing" if seen["missing"] else "ok"
    return Item("access", "events", state, {"wanted": seen["wanted"], "missing": seen["missing"]})


def _source(found: Mapping[str, Any]) -> Item | None:
    """The portal's own source "by recommendation". `alike`: the code of another one with that name."""
    seen = found.get("source") or {}
    states: dict[str, State] = {"ok": "ok", "missing": "missing", "alike": "wrong"}
    if not seen or seen["state"] == "not_wanted":
        return None
    facts = {"code": seen["code"], "how": seen["state"], "alike": seen.get("alike", "")}
    return Item("access", "source", states.get(seen["state"], "unknown"), facts)


def _cards(portal: Portal, found: Mapping[str, Any], known: list[Place]) -> list[Item]:
    items: list[Item] = []
    kinds = list(dict.fromkeys(place.kind for place in known))
    for kind in kinds:
        items.append(_fields(kind, found))
        items += [item] if (item := _items(kind, found)) is not None else []
        items += [_tab(kind, found)] if portal.kind != "webhook" else []
        items += [_layout(place, found) for place in known if place.kind == kind]
    return items


def _fields(kind: str, found: Mapping[str, Any]) -> Item:
    seen = (found.get("fields") or {}).get(kind) or {}
    if not seen:
        return Item("cards", "fields", "unknown", {"kind": kind})
    state: State = "wrong" if seen["wrong"] else "missing" if seen["missing"] else "ok"
    return Item("cards", "fields", state, {"kind": kind, **seen})


def _items(kind: str, found: Mapping[str, Any]) -> Item | None:
    """List values are worth a line of their own only where some are missing."""
    missing = (found.get("items") or {}).get(kind) or []
    return Item("cards", "items", "missing", {"kind": kind, "missing": missing}) if missing else None


def _tab(kind: str, found: Mapping[str, Any]) -> Item:
    how = str((found.get("tabs") or {}).get(kind) or "unknown")
    facts = {"kind": kind, "how": how, "problem": str(found.get("tabs_problem") or "")}
    if facts["problem"] in ("insufficient_scope", "invalid_scope"):
        return Item("cards", "tab", "missing", facts | {"how": "no_scope"})
    states: dict[str, State] = {
        "ok": "ok", "not_offered": "ok", "missing": "missing", "elsewhere": "wrong", "double": "wrong",
    }  # fmt: skip
    return Item("cards", "tab", states.get(how, "unknown"), facts)


def _layout(place: Place, found: Mapping[str, Any]) -> Item:
    facts: dict[str, Any] = {"kind": place.kind, "part": place.part, "name": place.name}
    seen = (found.get("layouts") or {}).get(f"{place.kind}:{place.part}")
    if not seen or not seen["stored"]:
        return Item(
            "cards",
            "layout",
            "unknown",
            facts | {"stored": False if seen else None, "asked": "layouts" in found},
        )
    state: State = "ok" if seen["of"] and seen["shown"] >= seen["of"] else "missing"
    return Item("cards", "layout", state, facts | seen)


def _worker(session: Session, now: datetime) -> Item:
    seen = chore_rows.last_beat(session)
    alive = seen is not None and now - seen <= SILENT
    return Item("work", "worker", "ok" if alive else "wrong", {"at": seen})


def _last_event(session: Session, portal: Portal) -> Item | None:
    if portal.kind == "webhook":
        return None
    seen = checks.last_event(session, portal.id)
    return Item("work", "last_event", "ok" if seen else "unknown", {"at": seen})


def _first_sync(session: Session, portal: Portal) -> Item:
    row = chore_rows.get(session, portal.id, "first_sync")
    if row is not None and row.status == "buried":
        return Item("work", "first_sync", "wrong", {"at": portal.synced_at})
    if row is not None and row.status in ("waiting", "working"):
        return Item(
            "work", "first_sync", "busy", {"at": portal.synced_at, "again": portal.synced_at is not None}
        )
    return Item("work", "first_sync", "ok" if portal.synced_at else "missing", {"at": portal.synced_at})


def _reconciled(session: Session, portal: Portal, now: datetime) -> Item:
    """The last comparison with the portal: a periodic chore comes again one period after it ran."""
    row = chore_rows.get(session, portal.id, "reconcile")
    if row is None or portal.synced_at is None:
        return Item("work", "reconciled", "unknown", {"at": None})
    at = _ran(row)
    late = now - at > LATE or bool(row.error)
    return Item("work", "reconciled", "wrong" if late else "ok", {"at": at, "error": row.error})


def _ran(row: ChoreRow) -> datetime:
    return max(row.due_at - timedelta(seconds=row.every_seconds or 0), row.created_at)
