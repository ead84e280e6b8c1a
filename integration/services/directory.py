"""The portal's people and pipelines: employees, departments, stages. Small, read whole, replaced whole."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from integration.bitrix import calls
from integration.bitrix.call import Call, rows_at
from integration.bitrix.errors import Retryable
from integration.bitrix.records import Category, Stage, User, read_all
from integration.bitrix.records import Department as Division
from integration.logs import log
from integration.services.access import PortalRest
from integration.store.portals import Department, Staff
from integration.store.portals import Stage as StageRow
from integration.store.upsert import upsert

FIRST = 4  # pages of users, and of departments, in the first request
MORE = 20  # in each further one
_ENTITY = re.compile(r"DEAL_STAGE(?:_(\d+))?")


@dataclass(frozen=True, slots=True)
class Directory:
    """People and pipelines as read; nothing where the portal did not let us."""

    users: list[User] | None
    divisions: list[Division] | None
    categories: list[Category] | None
    stages: list[Stage] | None


def read(rest: PortalRest) -> Directory:
    """Read all of it: one request up to 200 people. A scope that is missing leaves its part unread.

    Raises `BitrixError`, also when only some of the pages came.
    """
    first = {**_ask(calls.user_list, "u", 0, FIRST), **_ask(calls.department_list, "d", 0, FIRST)}
    first |= {"categories": calls.category_list(), "statuses": calls.status_list()}
    got = rest.batch(first)
    results = {key: answer.result for key, answer in got.answers.items()}
    for key in ("categories", "statuses"):
        if key in got.errors:
            raise got.errors[key]
    users = _rest_of(rest, calls.user_list, _pages(results, "u", FIRST))
    divisions = _rest_of(rest, calls.department_list, _pages(results, "d", FIRST))
    return Directory(
        users=None if users is None else _read(User.read, users),
        divisions=None if divisions is None else _read(Division.read, divisions),
        categories=_read(Category.read, rows_at(results["categories"], "categories")),
        stages=_read(Stage.read, rows_at(results["statuses"])),
    )


def _ask(page: Callable[[int], Call], prefix: str, start: int, pages: int) -> dict[str, Call]:
    return {f"{prefix}{k}": page(start + k * calls.PAGE) for k in range(pages)}


def _rest_of(rest: PortalRest, page: Callable[[int], Call], rows: list[Any] | None) -> list[Any] | None:
    """All rows, given those of the first pages: where these came full, there may be more."""
    full = FIRST * calls.PAGE
    while rows is not None and len(rows) == full:
        got = rest.batch(_ask(page, "p", full, MORE))
        more = _pages({key: answer.result for key, answer in got.answers.items()}, "p", MORE)
        if more is None:
            raise Retryable("directory", "not_answered", effect="none")
        rows += more
        full += MORE * calls.PAGE
    return rows


def _pages(results: dict[str, Any], prefix: str, pages: int) -> list[Any] | None:
    if f"{prefix}0" not in results:
        return None
    rows: list[Any] = []
    for k in range(pages):
        if f"{prefix}{k}" not in results:  # what follows is not nothing: half of the staff must not be all
            raise Retryable(f"{prefix}{k}", "not_answered", effect="none")
        page = rows_at(results[f"{prefix}{k}"])
        rows += page
        if len(page) < calls.PAGE:
            break
    return rows


def _read(reader: Any, rows: list[Any]) -> list[Any]:
    records, bad = read_all(reader, rows)
    if bad:
        log(__name__).warning("directory.unreadable", rows=bad)
    return records


def save(session: Session, portal_id: int, found: Directory) -> None:
    """Replace what is stored by what was read; parts that were not read stay."""
    if found.users is not None:
        upsert(session, Staff, [_person(portal_id, user) for user in found.users])
    if found.divisions is not None:
        session.execute(delete(Department).where(Department.portal_id == portal_id))
        upsert(session, Department, [_division(portal_id, division) for division in found.divisions])
    if found.stages is not None and found.categories is not None:
        session.execute(delete(StageRow).where(StageRow.portal_id == portal_id))
        names = {category.id: category.name for category in found.categories}
        upsert(session, StageRow, [row for stage in found.stages if (row := _stage(portal_id, stage, names))])


def _person(portal_id: int, user: User) -> dict[str, Any]:
    return {
        "portal_id": portal_id, "user_id": user.id, "name": user.name[:200], "last_name": user.last_name[:200],
        "email": user.email[:255], "phone": user.phone[:64], "position": user.position[:200], "city": "",
        "time_zone": "", "active": user.active, "departments": list(user.department_ids),
    }  # fmt: skip


def _division(portal_id: int, division: Division) -> dict[str, Any]:
    return {
        "portal_id": portal_id, "department_id": division.id, "name": division.name[:200],
        "parent_id": division.parent_id, "head_user_id": division.head_id,
    }  # fmt: skip


def _stage(portal_id: int, stage: Stage, names: dict[int, str]) -> dict[str, Any] | None:
    match = _ENTITY.fullmatch(stage.entity_id)
    if match is None or not stage.status_id:
        return None
    category = int(match.group(1) or 0)
    return {
        "portal_id": portal_id, "stage_id": stage.status_id[:64], "category_id": category,
        "category_name": names.get(category, "")[:200], "name": stage.name[:200],
        "semantics": stage.semantics if stage.semantics in ("S", "F") else "", "sort": stage.sort,
    }  # fmt: skip
