"""Our fields in the cards, by preview and undo (product.md B1; bitrix24.md 8.5).

The portal replaces a layout whole, so nothing is ever sent that was not just read: a change is stored with what
was there before, committed, and carried out only while the portal still shows exactly that. Whoever carries it
out looks first, so that a change that is begun twice, or again after a kill, is made once and never
over somebody else's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy.orm import Session

from integration.bitrix import calls, layouts, widgets
from integration.bitrix.errors import AccessLost, BitrixError, Refused
from integration.bitrix.layouts import Difference, Section
from integration.bitrix.links import Entity
from integration.bitrix.manifest import FIELDS
from integration.logs import log
from integration.services import setup_facts
from integration.services.access import PortalRest
from integration.services.chore_types import Outcome
from integration.services.deps import Deps
from integration.services.layout_places import Place, codes_of, places
from integration.store import checks, chores
from integration.store import layouts as rows
from integration.store import portals as portal_rows
from integration.store.base import reading, transaction
from integration.store.layouts import CardLayout
from integration.store.portals import Portal

TITLE = "Molva"
HEAD_START = timedelta(seconds=30)  # before a worker takes a change over that a page has begun
# What people fill in themselves is shown even when empty; our figures appear when there are any.
SHOWN = frozenset(
    f"UF_CRM_MOLVA_{name}"
    for name in ("REFERRAL_SOURCE", "REFERRER", "NPS_SCORE", "ROLE", "HOLD_UNTIL", "OPT_OUT")
)


class LayoutRefused(Exception):
    """Nothing was done; `code` says why, for a catalogue.

    `no_such_card`, `not_stored` (the portal shows its built-in arrangement, writing would lose it),
    `unreadable`, `nothing_to_add`, `changed` (not what was seen in the preview), `busy` (another change is on
    its way), `no_change` (nothing of ours to take back), `changed_since` with `difference`, `nothing_left`.
    """

    def __init__(self, code: str, difference: Difference | None = None, digest: str = "") -> None:
        super().__init__(code)
        self.code, self.difference, self.digest = code, difference, digest


@dataclass(frozen=True, slots=True)
class Preview:
    """A layout as it is and as it would be. `added`: codes put in; `elsewhere`: ours that people placed already.

    `names`: what the portal calls the elements; `digest` stands for what was read.
    """

    place: Place
    before: list[Section]
    after: list[Section]
    added: tuple[str, ...]
    elsewhere: tuple[str, ...]
    names: Mapping[str, str]
    digest: str


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a change: `applied`, `refused` with its `problem`, or still `asked` while the portal is away."""

    change_id: int
    status: str
    problem: str = ""


def place(deps: Deps, portal_id: int, kind: str, part: int) -> Place:
    """One layout by kind and part; raises `LayoutRefused` if the portal has none such."""
    return _place(deps, portal_id, kind, part)[1]


def names_in(section: Section) -> list[str]:
    """The elements of a section, in order."""
    return layouts.names([section])


def preview(deps: Deps, portal_id: int, kind: str, part: int) -> Preview:
    """The layout as it is now and as it would be with our fields. One request. Raises `LayoutRefused`."""
    portal, place = _place(deps, portal_id, kind, part)
    try:
        got = PortalRest(deps, portal_id, True).batch(
            {"layout": widgets.layout_get(place.kind, part), "fields": calls.item_fields(place.kind)}
        )
    except BitrixError:
        raise LayoutRefused("unreadable") from None
    if "layout" not in got.answers:
        raise LayoutRefused("unreadable")
    before = layouts.read(got.answers["layout"].result)
    if not before:
        raise LayoutRefused("not_stored")
    named = got.answers["fields"].result if "fields" in got.answers else {}
    codes = codes_of(portal, kind)
    after = layouts.with_fields(before, TITLE, codes, SHOWN)
    there = set(layouts.names(before))
    return Preview(
        place=place, before=before, after=after, added=tuple(code for code in codes if code not in there),
        elsewhere=tuple(code for code in codes if code in there), names=_names(named),
        digest=layouts.digest(before),
    )  # fmt: skip


def apply(deps: Deps, portal_id: int, kind: str, part: int, digest: str, author: str) -> Done:
    """Put our fields into the layout that was seen under `digest`. Raises `LayoutRefused`.

    The change is committed, then made at once; if that fails a worker goes on with it.
    """
    seen = preview(deps, portal_id, kind, part)
    if not seen.added:
        raise LayoutRefused("nothing_to_add")
    if seen.digest != digest:
        raise LayoutRefused("changed")
    return _begin(deps, portal_id, seen.place, seen.before, seen.after, author)


def undo(deps: Deps, portal_id: int, change_id: int, author: str) -> Done:
    """Restore exactly what was there before a change. Raises `LayoutRefused`; with `changed_since` if somebody
    has changed the layout meanwhile, and then only our own section can be taken out (`remove`)."""
    change, place, current = _undoable(deps, portal_id, change_id)
    if not layouts.same(current, change.after):
        difference = layouts.difference(change.after, current)
        raise LayoutRefused("changed_since", difference, layouts.digest(current))
    return _begin(deps, portal_id, place, current, change.before, author, change.id)


def remove(deps: Deps, portal_id: int, change_id: int, digest: str, author: str) -> Done:
    """Take our section out of the layout that was seen under `digest`; all else stays. Raises `LayoutRefused`."""
    change, place, current = _undoable(deps, portal_id, change_id)
    if layouts.digest(current) != digest:
        raise LayoutRefused(
            "changed_since", layouts.difference(change.after, current), layouts.digest(current)
        )
    left = layouts.without_ours(current, {spec.code for spec in FIELDS})
    if not left:
        raise LayoutRefused("nothing_left")
    return _begin(deps, portal_id, place, current, left, author, change.id)


def run(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """The chore `layout:<change>`: carries out what a page has begun and not ended. Raises `BitrixError`."""
    carry_out(deps, portal_id, int(cursor.get("change") or 0))
    return Outcome()


def carry_out(deps: Deps, portal_id: int, change_id: int, *, interactive: bool = False) -> Done:
    """Make a stored change if the portal still shows what it was made from; what is made already is only noted.

    Raises `BitrixError` when the portal cannot be asked now: the change stays `asked`.
    """
    with reading(deps.sessions) as session:
        change = rows.change(session, portal_id, change_id)
    if change is None or change.status != "asked":
        return Done(change_id, change.status if change else "refused", change.problem if change else "")
    rest = PortalRest(deps, portal_id, interactive)
    kind = cast("Entity", change.kind)
    try:
        current = layouts.read(rest.call(widgets.layout_get(kind, change.part)).result)
        if not _made(change, current):
            if not layouts.same(current, change.before):
                return _settle(deps, change, "refused", current, "changed")
            rest.call(widgets.layout_set(kind, change.part, change.after))
            current = layouts.read(rest.call(widgets.layout_get(kind, change.part)).result)
            if not _made(change, current):
                return _settle(deps, change, "refused", current, "not_taken")
    except (Refused, AccessLost) as error:
        if isinstance(error, AccessLost) and error.kind != "scope":
            raise
        return _settle(deps, change, "refused", None, error.code.lower()[:64] or "refused")
    return _settle(deps, change, "applied", current)


def _made(change: CardLayout, current: Sequence[Section]) -> bool:
    """Whether the portal shows what the change wanted; of fields put in, it is enough that they are there."""
    if layouts.same(current, change.after):
        return True
    new = set(layouts.names(change.after)) - set(layouts.names(change.before))
    return bool(new) and new <= set(layouts.names(current))


def _begin(
    deps: Deps,
    portal_id: int,
    place: Place,
    before: Sequence[Section],
    after: Sequence[Section],
    author: str,
    undoes: int | None = None,
) -> Done:
    """Commit the change with the chore that will not let it be forgotten, then try it here and now."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal_rows.locked(session, portal_id)
        if rows.open_change(session, portal_id, place.kind, place.part) is not None:
            raise LayoutRefused("busy")
        change_id = rows.add(
            session, portal_id, kind=place.kind, part=place.part, before=list(before), after=list(after),
            status="asked", author=author[:200], asked_at=now, undoes=undoes,
        )  # fmt: skip
        chores.schedule(
            session, portal_id, f"layout:{change_id}", now, now + HEAD_START, cursor={"change": change_id}
        )
    try:
        return carry_out(deps, portal_id, change_id, interactive=True)
    except BitrixError as error:
        log(__name__).warning("layout.waits", portal=portal_id, change=change_id, code=str(error))
        return Done(change_id, "asked")


def _settle(
    deps: Deps, change: CardLayout, status: str, current: Sequence[Section] | None, problem: str = ""
) -> Done:
    """Write down what became of a change; what is there now is what an undo is compared with."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        row = rows.change(session, change.portal_id, change.id, lock=True)
        if row is None or row.status != "asked":
            return Done(change.id, row.status if row else status, row.problem if row else problem)
        row.status, row.problem = status, problem
        if status == "applied":
            row.after = list(current or row.after)
            _undone(session, row, now)
        if current is not None:
            _note_facts(session, row, current)
    log(__name__).info(
        "layout.settled", portal=change.portal_id, change=change.id, status=status, code=problem
    )
    return Done(change.id, status, problem)


def _undone(session: Session, row: CardLayout, now: datetime) -> None:
    taken_back = rows.change(session, row.portal_id, row.undoes, lock=True) if row.undoes else None
    if taken_back is not None:
        taken_back.status, taken_back.undone_at, taken_back.undone_by = "undone", now, row.author


def _note_facts(session: Session, row: CardLayout, current: Sequence[Section]) -> None:
    """The check-list knows at once, without asking the portal again."""
    portal = portal_rows.get(session, row.portal_id)
    if portal is None:
        return
    known = checks.locked(session, row.portal_id)
    fact = setup_facts.layout(list(current), codes_of(portal, row.kind))
    shown = {**((known.found or {}).get("layouts") or {}), f"{row.kind}:{row.part}": fact}
    known.found = {**(known.found or {}), "layouts": shown}


def _place(deps: Deps, portal_id: int, kind: str, part: int) -> tuple[Portal, Place]:
    with reading(deps.sessions) as session:
        portal = portal_rows.get(session, portal_id)
        known = places(session, portal) if portal is not None else []
    place = next((one for one in known if (one.kind, one.part) == (kind, part)), None)
    if portal is None or place is None:
        raise LayoutRefused("no_such_card")
    return portal, place


def _undoable(deps: Deps, portal_id: int, change_id: int) -> tuple[CardLayout, Place, list[Section]]:
    """The change, its layout, and what the portal shows now; the last change of a layout alone can be undone."""
    with reading(deps.sessions) as session:
        change = rows.change(session, portal_id, change_id)
        last = {row.id for row in rows.latest(session, portal_id)}
    if change is None or change.status != "applied" or change.id not in last:
        raise LayoutRefused("no_change")
    kind = cast("Entity", change.kind)
    try:
        got = PortalRest(deps, portal_id, True).call(widgets.layout_get(kind, change.part)).result
    except BitrixError:
        raise LayoutRefused("unreadable") from None
    return change, Place(kind, change.part), layouts.read(got)


def _names(described: Any) -> dict[str, str]:
    """Names of elements, as the portal calls its fields: layouts use the names in capitals."""
    fields = described.get("fields") if isinstance(described, dict) else None
    found: dict[str, str] = {}
    for key, one in (fields if isinstance(fields, dict) else {}).items():
        if isinstance(one, dict) and one.get("title"):
            found[str(one.get("upperName") or key)] = str(one["title"])
    return found
