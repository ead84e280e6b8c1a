"""What people are shown of lists of past referrals: one with its rows, the latest ones, a report (product.md P4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.nps.people import CardKey
from integration.services import piecewise, policies
from integration.services.card_texts import name_said
from integration.services.deps import Deps
from integration.services.referral_imports import CHORE
from integration.store import chores
from integration.store import referral_imports as rows
from integration.store import referrals as referral_store
from integration.store.base import reading
from integration.store.referral_import_rows import ReferralImport, ReferralImportRow

PAGE = 50
LATEST = 20
STATUSES = ("new", "ready", "same", "choose", "rival", "bad", "done", "undone", "kept", "left")
#: What a page of a list can show: name -> statuses.
VIEWS: Mapping[str, tuple[str, ...]] = {
    "open": ("choose", "rival"), "ready": ("ready",), "done": ("done",), "undone": ("undone",), "kept": ("kept",),
    "same": ("same",), "bad": ("bad",), "left": ("left",),
}  # fmt: skip

Named = tuple[CardKey, str]


@dataclass(frozen=True, slots=True)
class RowView:
    """One row. `client`, `referrer`: as the list has them; `*_card`: the cards they mean, with their names.

    `stands`: source, referrer and ISO day that count so far. `chain`: of a circle, from the referrer on.
    """

    number: int
    client: str
    referrer: str
    day: date | None
    source: str
    note: str
    status: str
    code: str
    client_card: Named | None = None
    referrer_card: Named | None = None
    side: str = ""
    choices: tuple[Named, ...] = ()
    chain: tuple[Named, ...] = ()
    stands: tuple[str, Named | None, str] | None = None
    other: int = 0
    said: str = ""
    late: str = ""
    same: str = ""


@dataclass(frozen=True, slots=True)
class Brief:
    """A list in the overview. `counts`: rows by status."""

    id: int
    origin: str
    name: str
    who: str
    stage: str
    at: datetime
    counts: Mapping[str, int]

    @property
    def rows(self) -> int:
        """All rows."""
        return sum(self.counts.values())

    def of(self, view: str) -> int:
        """Rows of a view."""
        return sum(self.counts.get(status, 0) for status in VIEWS[view])

    @property
    def share(self) -> float:
        """How far the work under way is, from 0 to 1."""
        todo = {"looking": ("new",), "applying": ("ready",), "undoing": ("done",)}.get(self.stage, ())
        waiting = sum(self.counts.get(status, 0) for status in todo)
        whole = waiting + sum(self.counts.get(one, 0) for one in _AFTER.get(self.stage, ()))
        return 1 - waiting / whole if whole else 0.0


_AFTER = {
    "looking": ("ready", "same", "choose", "rival", "bad", "left"), "applying": ("done",),
    "undoing": ("undone", "kept"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listing:
    """A list with one page of the rows of a view. `earlier`: the same file as taken before; `stuck`: the work under way
    has been given up, or waits for the portal."""

    brief: Brief
    view: str
    rows: tuple[RowView, ...]
    page: int
    pages: int
    earlier: Brief | None
    stuck: str
    names: Mapping[str, str]  # the agency's own sources


def latest(deps: Deps, portal_id: int) -> list[Brief]:
    """The latest lists, the newest first."""
    with reading(deps.sessions) as session:
        found = rows.latest(session, portal_id, LATEST)
        counts = rows.counts(session, portal_id, [made.id for made in found])
        return [_brief(made, counts.get(made.id, {})) for made in found]


def show(deps: Deps, portal_id: int, import_id: int, view: str = "", page: int = 1) -> Listing | None:
    """One list; nothing if it is another portal's or gone. `view`: one of `VIEWS`, else the one that matters most."""
    with reading(deps.sessions) as session:
        made = rows.get(session, portal_id, import_id)
        if made is None or made.stage == "dropped":
            return None
        brief = _brief(made, rows.counts(session, portal_id, [made.id]).get(made.id, {}))
        view = view if view in VIEWS else _first(brief)
        page, pages = piecewise.place(brief.of(view), page, PAGE)
        found = rows.page_of(session, portal_id, import_id, VIEWS[view], (page - 1) * PAGE, PAGE)
        before = rows.earlier(session, portal_id, import_id, made.digest) if made.digest else None
        policy, _ = policies.load(session, portal_id)
        return Listing(
            brief=brief, view=view, rows=tuple(_views(session, portal_id, found)), page=page, pages=pages,
            earlier=_brief(before, {}) if before is not None else None, stuck=_stuck(session, made),
            names=policy.referral_source_names,
        )  # fmt: skip


def report(deps: Deps, portal_id: int, import_id: int) -> Iterator[RowView]:
    """Every row of a list by number, read piece by piece."""

    def behind(session: Session, seen: int, last: ReferralImportRow | None) -> list[ReferralImportRow]:
        after = last.number if last is not None else 0
        return rows.rows_of(session, portal_id, import_id, after=after, limit=piecewise.AT_ONCE)

    return piecewise.every(deps, behind, lambda session, part: _views(session, portal_id, part))


def _first(brief: Brief) -> str:
    order = ("open", "ready", "done", "kept", "bad", "same", "undone", "left")
    return next((view for view in order if brief.of(view)), "ready")


def _stuck(session: Session, made: ReferralImport) -> str:
    row = chores.get(session, made.portal_id, f"{CHORE}:{made.id}")
    if row is None or made.stage not in ("looking", "applying", "undoing"):
        return ""
    return "failed" if row.status == "buried" else "waits" if row.error else ""


def _brief(made: ReferralImport, counts: Mapping[str, int]) -> Brief:
    return Brief(
        made.id, made.origin, made.name, name_said(made.who), made.stage, made.created_at, dict(counts)
    )


def _views(session: Session, portal_id: int, found: Sequence[ReferralImportRow]) -> list[RowView]:
    """Rows with the names of the cards they speak of, in a few queries for all of them."""
    keys: set[CardKey] = set()
    for row in found:
        keys |= {
            key
            for key in (_key(row.client_kind, row.client_id), _key(row.referrer_kind, row.referrer_id))
            if key
        }
        keys |= set(_keys(row.detail))
    names = rows.names(session, portal_id, keys)
    return [_view(row, names) for row in found]


def _key(kind: str, number: int) -> CardKey | None:
    return referral_store.key_of(kind, number) if number else None


def _parsed(text: str) -> CardKey | None:
    kind, _, number = text.partition(":")
    return referral_store.key_of(kind, int(number)) if number.isdigit() else None


def _keys(detail: Mapping[str, Any]) -> list[CardKey]:
    texts = [*detail.get("choices", ()), *detail.get("chain", ()), detail.get("named", "")]
    return [key for text in texts if (key := _parsed(str(text))) is not None]


def _view(row: ReferralImportRow, names: Mapping[CardKey, str]) -> RowView:
    def named(key: CardKey | None) -> Named | None:
        return (key, names.get(key, "")) if key is not None else None

    def many(name: str) -> tuple[Named, ...]:
        keys = (_parsed(str(text)) for text in detail.get(name, ()))
        return tuple((key, names.get(key, "")) for key in keys if key is not None)

    detail = row.detail or {}
    stands = None
    if "stands" in detail:
        stands = (
            str(detail["stands"]),
            named(_parsed(str(detail.get("named", "")))),
            str(detail.get("day", "")),
        )
    return RowView(
        number=row.number, client=row.client, referrer=row.referrer, day=row.day,
        source=row.source or str(detail.get("source", "")), note=row.note, status=row.status, code=row.code,
        client_card=named(_key(row.client_kind, row.client_id)),
        referrer_card=named(_key(row.referrer_kind, row.referrer_id)), side=str(detail.get("side", "")),
        choices=many("choices"), chain=many("chain"), stands=stands, other=int(detail.get("other", 0) or 0),
        said=str(detail.get("said", "")), late=str(detail.get("late", "")), same=row.same,
    )  # fmt: skip
