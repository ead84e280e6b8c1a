"""What people are shown of sheets: those taken out, one that came back with its rows, a report (product.md W9, P4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.nps.questions import Question
from integration.services import piecewise, policies, question_versions
from integration.services.calling.sheet_codes import BAD, EXTRA, FLAWED
from integration.services.calling.sheets import CHORE
from integration.services.deps import Deps
from integration.store import call_sheets, chores
from integration.store.base import reading
from integration.store.call_sheets import CallSheet, CallSheetRow

PAGE = 50
LATEST = 30
#: What a page of a sheet can show: name -> statuses.
VIEWS: Mapping[str, tuple[str, ...]] = {
    "refused": ("refused",), "new": ("new",), "done": ("done",), "same": ("same",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Brief:
    """A sheet in the overview. `people`: of one taken out; `reserved`: how many clients it still has; `until`: to when
    it reserves them; `counts`: rows of one that came back, by status, `flawed`: those with extra
    answers that cannot be taken."""

    id: int
    stage: str
    name: str
    who: str
    at: datetime
    until: datetime | None
    people: int
    reserved: int
    counts: Mapping[str, int]
    flawed: int = 0

    @property
    def rows(self) -> int:
        """All rows."""
        return sum(self.counts.values())

    @property
    def share(self) -> float:
        """How much of a sheet that is being taken in has been settled, from 0 to 1."""
        return 1 - self.counts.get("new", 0) / self.rows if self.rows else 0.0


@dataclass(frozen=True, slots=True)
class ExtraCell:
    """An extra answer of a row. `problem`: why it cannot be taken (`nps.sheet_questions.Code`), empty if it can;
    `value`: what was answered, else what was written; `main`: the agency's language."""

    key: str
    question: Question | None
    value: str
    problem: str
    main: str


@dataclass(frozen=True, slots=True)
class RowShown:
    """One row: what it said, with client and person; `day`, `hour`, `back`: by the client's clock."""

    page: str
    number: int
    status: str
    codes: tuple[str, ...]
    client: str
    person: str
    line: int
    outcome: str
    score: int | None
    comment: str
    caller: str
    day: str
    hour: str
    back: str
    code: str
    extra: tuple[ExtraCell, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """A sheet that came back with one page of the rows of a view; `stuck`: the work on it has been given up."""

    brief: Brief
    view: str
    rows: tuple[RowShown, ...]
    page: int
    pages: int
    stuck: bool


def latest(deps: Deps, portal_id: int, wave_id: int) -> list[Brief]:
    """The latest sheets of a survey, the newest first."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        found = call_sheets.of_wave(session, portal_id, wave_id, LATEST)
        reserved = call_sheets.reserved(session, portal_id, wave_id, now)
        counts = call_sheets.counts(session, portal_id, [one.id for one in found])
        return [_brief(one, counts.get(one.id, {}), reserved.get(one.id, 0)) for one in found]


def show(
    deps: Deps, portal_id: int, wave_id: int, sheet_id: int, view: str = "", page: int = 1
) -> Listing | None:
    """One sheet that came back; nothing if there is none. `view`: one of `VIEWS`, else the one that matters most."""
    with reading(deps.sessions) as session:
        sheet = call_sheets.get(session, portal_id, sheet_id)
        if sheet is None or sheet.wave_id != wave_id or sheet.stage in ("out", "dropped"):
            return None
        brief = _brief(sheet, call_sheets.counts(session, portal_id, [sheet.id]).get(sheet.id, {}), 0)
        view = view if view in VIEWS else next((one for one in VIEWS if brief.counts.get(one)), "done")
        page, pages = piecewise.place(brief.counts.get(view, 0), page, PAGE)
        rows = call_sheets.rows_of(
            session, portal_id, sheet.id, VIEWS[view], offset=(page - 1) * PAGE, limit=PAGE
        )
        chore = chores.get(session, portal_id, f"{CHORE}:{sheet.id}")
        stuck = chore is not None and chore.status == "buried" and sheet.stage == "applying"
        return Listing(brief, view, tuple(_rows(session, portal_id, rows)), page, pages, stuck)


def report(deps: Deps, portal_id: int, sheet_id: int) -> Iterator[RowShown]:
    """Every row of a sheet as it stands in the file, read piece by piece."""

    def behind(session: Session, seen: int, last: CallSheetRow | None) -> list[CallSheetRow]:
        return call_sheets.rows_of(session, portal_id, sheet_id, offset=seen, limit=piecewise.AT_ONCE)

    return piecewise.every(deps, behind, lambda session, part: _rows(session, portal_id, part))


def _brief(sheet: CallSheet, counts: Mapping[str, int], reserved: int) -> Brief:
    out = sheet.stage == "out"
    return Brief(
        sheet.id, sheet.stage, sheet.file_name, sheet.uploaded_by, sheet.uploaded_at, sheet.finished_at,
        int(sheet.counts.get("people", 0)) if out else 0, reserved, {} if out else dict(counts),
        int(sheet.counts.get(FLAWED, 0)),
    )  # fmt: skip


def _rows(session: Session, portal_id: int, rows: Sequence[CallSheetRow]) -> list[RowShown]:
    names = call_sheets.names(session, portal_id, {row.invitation_id for row in rows if row.invitation_id})
    known = question_versions.by_number(session, portal_id) if any(map(_asked, rows)) else {}
    main = policies.load(session, portal_id)[0].language if known else ""
    found = []
    for row in rows:
        person, client, line = names.get(row.invitation_id or 0, ("", "", 0))
        said = row.said
        texts = {
            name: str(said.get(name, ""))
            for name in ("outcome", "comment", "caller", "day", "hour", "back", "code")
        }
        codes = tuple(code for code in row.code.split(",") if code)
        found.append(
            RowShown(
                page=row.page, number=row.number, status=row.status, codes=codes, client=client, person=person,
                line=line, score=said.get("score"),
                extra=_extra(said, known, main), **texts,
            )
        )  # fmt: skip
    return found


def _asked(row: CallSheetRow) -> bool:
    return bool(row.said.get(EXTRA) or row.said.get(BAD))


def _extra(
    said: Mapping[str, Any], known: Mapping[tuple[str, int], Question], main: str
) -> tuple[ExtraCell, ...]:  # fmt: skip
    newest = {key: one for (key, _), one in sorted(known.items())}
    given = [
        ExtraCell(key, known.get((key, version)) or newest.get(key), value, "", main)
        for key, (version, value) in said.get(EXTRA, {}).items()
    ]
    bad = [ExtraCell(key, newest.get(key), written, code, main) for key, code, written in said.get(BAD, ())]
    return (*given, *bad)
