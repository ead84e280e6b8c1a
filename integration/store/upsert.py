"""Insert-or-update in bulk, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

CHUNK = 500  # rows in one statement


def insert_for(session: Session) -> Any:
    """The dialect's own `insert`, which knows what to do on a conflict."""
    return sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert


def upsert(
    session: Session, model: Any, rows: Sequence[dict[str, Any]], *, newer: str = "", keep: Sequence[str] = ()
) -> None:
    """Insert rows, or replace the columns of those that exist by primary key.

    All rows name the same columns, and no key comes twice. `keep`: columns that an existing row keeps.
    `newer`: a moment's column; a row that is older than the stored one changes nothing, so that a slow
    reader does not bring back what a faster one has replaced.
    """
    if not rows:
        return
    table: Table = model.__table__
    keys = [column.name for column in table.primary_key]
    insert = insert_for(session)(table)
    changed = {name: insert.excluded[name] for name in rows[0] if name not in keys and name not in keep}
    if not changed:
        statement = insert.on_conflict_do_nothing(index_elements=keys)
    else:
        where = None
        if newer:
            stored, given = table.c[newer], insert.excluded[newer]
            where = stored.is_(None) | given.is_(None) | (given >= stored)
        statement = insert.on_conflict_do_update(index_elements=keys, set_=changed, where=where)
    connection = session.connection()
    for start in range(0, len(rows), CHUNK):
        connection.execute(statement, list(rows[start : start + CHUNK]))
