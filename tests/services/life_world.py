"""A portal's life in the sandbox: administrators who come and go, applications that are removed and added anew."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import Boolean, Column, Date, Float, Integer, LargeBinary, Table, func, insert, select
from sqlalchemy.orm import Session

from integration.bitrix.protocol import Frame, parse_frame
from integration.services import frames
from integration.services.frames import Viewer
from integration.store.base import Base, Secret, UTCDateTime, transaction
from integration.store.portals import Portal
from tests.services.portal_world import CLIENT_ID, SCOPE, World, agency

WEEK = timedelta(days=7).total_seconds()
HOUR = 3600.0
_NUMBERS = iter(range(1000, 10_000_000))
_LOCK = threading.Lock()


def staffed() -> Any:
    """The small agency with a second and a third administrator and an employee."""
    data = agency()
    for number, name, admin in (("5", "Olga", True), ("6", "Mila", False), ("7", "Petr", True)):
        person = {"ID": number, "NAME": name, "ACTIVE": True, "ADMIN": admin, "UF_DEPARTMENT": [1]}
        data.users = [*data.users, person]
    return data


def frame_of(place: World, user: int = 1, client_id: str = CLIENT_ID, **changes: Any) -> Frame:
    """What the portal posts when somebody opens an application, some fields of the grant changed."""
    post = place.box.control(f"/apps/{client_id}/open", {"user_id": user, "dry": True})
    found = parse_frame(dict(parse_qsl(urlsplit(post["url"]).query)), post["fields"])
    return replace(found, grant=replace(found.grant, **changes)) if changes else found


def opens(place: World, user: int = 1, client_id: str = CLIENT_ID) -> Viewer:
    """Somebody opens the application from the left menu."""
    return frames.open_frame(place.deps, frame_of(place, user, client_id))


def added(place: World, client_id: str, secret: str = "another-secret", **more: Any) -> None:
    """A further application is added to the portal, its installer not finished yet."""
    urls = {"install_url": f"{place.address}/bitrix/install", "app_url": f"{place.address}/bitrix/app"}
    app = {
        "client_id": client_id,
        "client_secret": secret,
        "kind": "local",
        "ui": True,
        "scope": SCOPE,
        **urls,
    }
    place.box.control("/apps", app | more)
    place.box.control(f"/apps/{client_id}/install", {"user_id": 1, "finish": False})


def removed(place: World, clean: int, client_id: str = CLIENT_ID) -> None:
    """The administrator removes the application, with or without the tick at "erase", and we hear of it."""
    place.box.control(f"/apps/{client_id}/uninstall", {"clean": clean})
    place.box.control("/events/flush", {"timeout": 60})
    place.work()


def dismissed(place: World, user: int) -> None:
    """An employee leaves: the portal refuses their tokens from now on."""
    place.box.portal.state.users[user]["ACTIVE"] = False


def portals_of(place: World) -> list[Portal]:
    found: list[Portal] = place.all(Portal)
    return found


# --- a row in every table


def fill(place: World, portal_id: int) -> None:
    """One row of this portal in every table that belongs to portals, whatever tables there are."""
    with transaction(place.deps.sessions) as session:
        for table in Base.metadata.sorted_tables:
            if "portal_id" in table.c and not _count(session, table, portal_id):
                session.execute(insert(table).values(_row(session, table, portal_id)))


def rows_of(place: World, portal_id: int) -> dict[str, int]:
    """How many rows of a portal each table holds."""
    with transaction(place.deps.sessions) as session:
        tables = [table for table in Base.metadata.sorted_tables if "portal_id" in table.c]
        return {table.name: _count(session, table, portal_id) for table in tables}


def _count(session: Session, table: Table, portal_id: int) -> int:
    statement = select(func.count()).select_from(table).where(table.c.portal_id == portal_id)
    return session.execute(statement).scalar_one()


def _row(session: Session, table: Table, portal_id: int) -> dict[str, Any]:
    values: dict[str, Any] = {"portal_id": portal_id}
    for column in table.columns:
        if column.name in values or (column.name == "id" and column.autoincrement is not False):
            continue
        keys = [key.column for key in column.foreign_keys]
        if keys:
            owner = keys[0].table
            where = [owner.c.portal_id == portal_id] if "portal_id" in owner.c else []
            values[column.name] = session.scalar(select(keys[0]).where(*where).limit(1))
        elif column.primary_key or _needed(column):
            values[column.name] = _value(column.type)
    return values


def _needed(column: Column[Any]) -> bool:
    return not column.nullable and column.server_default is None and column.default is None


def _value(kind: Any) -> Any:
    with _LOCK:
        number = next(_NUMBERS)
    if isinstance(kind, UTCDateTime):
        return datetime.fromisoformat("2026-01-12T06:00:00+00:00")
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, Date):
        return date(2026, 1, 12)
    if isinstance(kind, Integer | Float) or "NUMERIC" in str(kind).upper() or "REAL" in str(kind).upper():
        return number
    if isinstance(kind, Secret | LargeBinary):
        return "secret" if isinstance(kind, Secret) else b"secret"
    return {} if "JSON" in str(kind).upper() else f"x{number}"[: getattr(kind, "length", None) or 20]
