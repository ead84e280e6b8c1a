"""A call centre's sheet that comes back: read, looked at, and taken in row by row (product.md W9).

A sheet is read into rows and shown; only then is it applied (`sheet_apply`), in the chore `call_sheet:<id>`, which goes
on where it stopped. Whose row it is says its code; what makes a call the same one is code, moment and outcome, so the
same sheet brought back once more changes nothing; extra answers that were put right or came later are added (W13).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy.orm import Session

from integration.nps import call_sheets as rules
from integration.nps.call_sheets import NoSheet, Row
from integration.nps.policy import Policy
from integration.nps.sheet_questions import Asking
from integration.nps.workdays import zone_named
from integration.services import policies, question_versions
from integration.services.calling import sheet_apply, sheet_words
from integration.services.calling.sheet_codes import BAD, EXTRA, FLAWED, by_code, key_of
from integration.services.chore_types import Outcome
from integration.services.deps import Deps
from integration.services.past_tables import ImportRefused, pages_of
from integration.services.reports import plan_in
from integration.store import call_sheets, chores, wave_queries
from integration.store.base import reading, transaction
from integration.store.call_sheets import CallSheet
from integration.store.waves import Wave

MOST_BYTES = 5_000_000
MOST_ROWS = 20_000  # of all its sheets
MOST_PAGES = 5
CHORE = "call_sheet"
SLICE = 50  # rows before the chore makes room for others
AT_ONCE = 30  # rows that are taken in while somebody waits
LONGEST_NAME = 200

Decided = Literal["done", "gone", "late", "nothing"]


@dataclass(frozen=True, slots=True)
class _Known:
    """What rows are compared with: codes, each person's zone, what was taken in from sheets before."""

    codes: Mapping[str, int]
    zones: Mapping[int, str]
    done: Mapping[tuple[int, datetime], Mapping[str, Any]]
    first: date


def begin(deps: Deps, portal_id: int, wave_id: int, name: str, data: bytes, *, who: str) -> int:
    """Take a filled-in sheet, XLSX or CSV, as rows to be looked at; its id. Nothing is recorded yet.

    Raises `ImportRefused`: `no_such_portal` (no such survey, or one without calls), `no_sheet_out` (none was ever taken
    out, so no code can be known), `nothing_filled`, a code of `past_tables.table_of` or of `nps.call_sheets.NoSheet`.
    """
    pages = pages_of(name, data, most_bytes=MOST_BYTES, most_rows=MOST_ROWS, most_pages=MOST_PAGES)
    with reading(deps.sessions) as session:
        asking = Asking(question_versions.kept(session, portal_id, None), sheet_words.yes_no())
    rows = _read(pages, asking)
    if not rows:
        raise ImportRefused(code="nothing_filled")
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        wave = wave_queries.wave(session, portal_id, wave_id)
        plan = plan_in(wave) if wave is not None else None
        if wave is None or plan is None or plan.calling is None:
            raise ImportRefused(str(wave_id), code="no_such_portal")
        known = _known(session, wave, plan.calling)
        lines = _lines(session, wave, rules.compared([_settled(row, known, now) for row in rows]), known)
        sheet = call_sheets.add(
            session, portal_id, wave_id=wave_id, file_name=name[-LONGEST_NAME:], stage="preview",
            uploaded_by=who[:200], uploaded_at=now, counts={FLAWED: sum(BAD in line["said"] for line in lines)},
        )  # fmt: skip
        call_sheets.add_rows(session, portal_id, sheet.id, lines)
        return sheet.id


def start(deps: Deps, portal_id: int, wave_id: int, sheet_id: int, *, who: str) -> Decided:
    """Have a sheet that was looked at taken in. `late`: somebody has decided about it already."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        sheet = _of(session, portal_id, wave_id, sheet_id)
        if sheet is None:
            return "gone"
        if sheet.stage != "preview":
            return "late"
        if not call_sheets.counts(session, portal_id, [sheet.id]).get(sheet.id, {}).get("new"):
            return "nothing"
        sheet.stage, sheet.uploaded_by = "applying", who[:200]
        chores.schedule(session, portal_id, f"{CHORE}:{sheet.id}", now, cursor={"id": sheet.id})
        wave = wave_queries.wave(session, portal_id, wave_id)
        if wave is not None:
            wave_queries.note(session, wave, now, "call_sheet_in", who, sheet.file_name)
        return "done"


def drop(deps: Deps, portal_id: int, wave_id: int, sheet_id: int) -> Decided:
    """Forget a sheet that was only looked at."""
    with transaction(deps.sessions) as session:
        sheet = _of(session, portal_id, wave_id, sheet_id)
        if sheet is None:
            return "gone"
        if sheet.stage != "preview":
            return "late"
        sheet.stage = "dropped"
        call_sheets.forget_rows(session, portal_id, sheet.id)
        return "done"


def hurry(deps: Deps, portal_id: int, sheet_id: int) -> bool:
    """Take a few rows in at once, for somebody who waits; whether there are more, which the chore takes."""
    return all(sheet_apply.step(deps, portal_id, sheet_id) for _ in range(AT_ONCE))


def run(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """The chore: the next rows of a sheet, each in a transaction of its own."""
    more = all(sheet_apply.step(deps, portal_id, int(cursor["id"])) for _ in range(SLICE))
    return Outcome(deps.clock.now(), cursor) if more else Outcome()


def _of(session: Session, portal_id: int, wave_id: int, sheet_id: int) -> CallSheet | None:
    sheet = call_sheets.get(session, portal_id, sheet_id, held=True)
    return sheet if sheet is not None and sheet.wave_id == wave_id and sheet.stage != "out" else None


def _read(pages: Sequence[Sequence[Sequence[str]]], asking: Asking) -> list[Row]:
    """The rows of every page that is one of ours; if none is, why the first is not."""
    words = sheet_words.outcomes()
    rows: list[Row] = []
    wrong: NoSheet | None = None
    seen: dict[str, int] = {}
    for page in pages:
        kind = rules.kind_of(page[0]) if page else "calls"
        seen[kind] = seen.get(kind, 0) + 1
        try:
            rows += rules.read(page, kind if seen[kind] == 1 else f"{kind}{seen[kind]}", words, asking)
        except NoSheet as error:
            wrong = wrong or error
            seen[kind] -= 1
    if wrong is not None and not any(seen.values()):
        raise ImportRefused(str(wrong), code=wrong.code) from wrong
    return rows


def _known(session: Session, wave: Wave, first: date) -> _Known:
    secret = call_sheets.secret(session, wave.portal_id, wave.id)
    if secret is None:
        raise ImportRefused(code="no_sheet_out")
    policy: Policy = policies.load_version(session, wave.portal_id, wave.policy_version)
    zones = call_sheets.zones(session, wave.portal_id, wave.id)
    return _Known(
        by_code(secret, zones), {number: zone or policy.time_zone for number, zone in zones.items()},
        _done(call_sheets.done_rows(session, wave.portal_id, wave.id)), first,
    )  # fmt: skip


def _done(rows: Iterable[tuple[int, datetime, dict[str, Any]]]) -> dict[tuple[int, datetime], dict[str, Any]]:
    """What was taken in of each call: as it came first, with all extra answers that came since."""
    found: dict[tuple[int, datetime], dict[str, Any]] = {}
    for person, at, said in rows:
        before = found.setdefault((person, at), dict(said))
        before[EXTRA] = {**said.get(EXTRA, {}), **before.get(EXTRA, {})}
    return found


def _settled(row: Row, known: _Known, now: datetime) -> Row:
    if not row.code:
        return row
    person = known.codes.get(row.code)
    if person is None:
        return replace(row, problem="unknown_code")
    return rules.settled(row, zone_named(known.zones[person]), now, known.first)


def _lines(session: Session, wave: Wave, rows: Sequence[Row], known: _Known) -> list[dict[str, Any]]:
    """Rows as they are kept, with what is known of them before anything is recorded."""
    people = {known.codes[row.code] for row in rows if row.code in known.codes}
    standing = call_sheets.standing(session, wave.portal_id, people)
    keys = {
        key_of(known.codes[row.code], row.at, row.outcome)
        for row in rows
        if row.at and row.code in known.codes
    }
    taken = call_sheets.taken(session, wave.portal_id, keys)
    found = []
    for row in rows:
        person = known.codes.get(row.code)
        said = said_of(row)
        status, code = ("refused", row.problem) if row.problem else ("new", "")
        if not row.problem and person is not None and row.at is not None:
            before = known.done.get((person, row.at))
            if before is not None and (_words(before) != _words(said) or _other(before, said)):
                status, code = "refused", "differs"
            elif key_of(person, row.at, row.outcome) in taken and not (before and _more(before, said)):
                status = "same"
            elif why := sheet_apply.barred(wave, *standing[person], row.outcome):
                status, code = "refused", why
        found.append(
            {
                "page": row.page, "number": row.number, "invitation_id": person, "at": row.at, "said": said,
                "status": status, "code": code,
            }
        )  # fmt: skip
    return found


def said_of(row: Row) -> dict[str, Any]:
    """What a row said, as it is kept: the day and hours by the client's clock, the call-back in UTC, too."""
    said: dict[str, Any] = {
        "code": row.code, "outcome": row.outcome, "score": row.score, "comment": row.comment, "caller": row.caller,
        "day": row.day.isoformat() if row.day else "", "hour": f"{row.hour:%H:%M}" if row.hour else "",
        "back": row.back.isoformat(timespec="minutes") if row.back else "",
        "call_back_at": row.call_back_at.isoformat() if row.call_back_at else "",
        EXTRA: {one.key: [one.version, one.value] for one in row.extra}, BAD: [list(one) for one in row.bad],
    }  # fmt: skip
    return {name: value for name, value in said.items() if value not in ("", None, {}, [])}


def _words(said: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(said.get(name) for name in ("outcome", "score", "comment", "call_back_at"))


def _other(before: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    """Whether an extra question was answered otherwise before."""
    stands = before.get(EXTRA, {})
    return any(key in stands and stands[key][1] != value for key, (_, value) in said.get(EXTRA, {}).items())


def _more(before: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    """Whether extra questions were answered that were not before: put right in the sheet, or asked since."""
    return bool(said.get(EXTRA, {}).keys() - before.get(EXTRA, {}).keys())
