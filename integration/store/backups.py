"""A consistent copy of the whole database in one portable file: gzip, one JSON line per row.

The log of requests stays out: it is large, soon out of date, and nothing works by it.
The same file restores into SQLite and PostgreSQL. Values stay as they are stored: secrets remain
encrypted, so the file is as safe as the operator's keys.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Insert, LargeBinary, Table, func, insert, select, text, type_coerce
from sqlalchemy import column as raw_column
from sqlalchemy import table as raw_table

from integration.store import schema
from integration.store.base import Base, Secret

CHUNK = 500


class BackupError(Exception):
    """The file cannot be restored here; the text says why and what to do."""


def dump(engine: Engine, file: Path) -> int:
    """Write all rows as of one moment; return their number. The file appears whole or not at all."""
    part = file.with_name(file.name + ".part")
    rows = 0
    snapshot = engine.execution_options(isolation_level="REPEATABLE READ") if _postgres(engine) else engine
    with snapshot.connect() as connection, gzip.open(part, "wt", encoding="utf-8") as out:
        out.write(json.dumps({"molva": 1, "schema": schema.current(engine)}) + "\n")
        for table in (one for one in Base.metadata.sorted_tables if one.info.get("backup", True)):
            for row in connection.execution_options(yield_per=CHUNK).execute(select(*_raw(table))):
                out.write(
                    json.dumps([table.name, [_plain(value) for value in row]], ensure_ascii=False) + "\n"
                )
                rows += 1
    os.replace(part, file)
    return rows


def load(engine: Engine, file: Path) -> int:
    """Fill an empty database; return the number of rows. Raises `BackupError`; then nothing was changed."""
    rows = 0
    with engine.begin() as connection:
        _must_be_empty(connection)
        for table, chunk in _chunks(file, schema.head()):
            names = [column.name for column in table.columns]
            values = [dict(zip(names, map(_revived, row), strict=True)) for row in chunk]
            connection.execute(_raw_insert(table), values)
            rows += len(values)
        if connection.dialect.name == "postgresql":
            _set_sequences(connection)
    return rows


def _postgres(engine: Engine) -> bool:
    return engine.dialect.name == "postgresql"


def _storage(kind: Any) -> Any:
    return LargeBinary() if isinstance(kind, Secret) else kind


def _raw(table: Table) -> list[Any]:
    """The columns as stored: secrets stay encrypted."""
    return [type_coerce(column, _storage(column.type)).label(column.name) for column in table.columns]


def _raw_insert(table: Table) -> Insert:
    """An insert that takes secrets as they were stored."""
    return insert(raw_table(table.name, *[raw_column(c.name, _storage(c.type)) for c in table.columns]))


def _must_be_empty(connection: Connection) -> None:
    for table in Base.metadata.sorted_tables:
        if connection.scalar(select(func.count()).select_from(table)):
            raise BackupError(f"the database is not empty ({table.name} has rows); restore into a new one")


def _chunks(file: Path, wanted: str) -> Iterator[tuple[Table, list[list[Any]]]]:
    try:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            head = json.loads(next(lines))
            if head.get("molva") != 1 or head.get("schema") != wanted:
                raise BackupError(
                    f"the file has schema {head.get('schema')}, this code {wanted}: use that version"
                )
            name, chunk = "", list[list[Any]]()
            for line in lines:
                table, row = json.loads(line)
                if chunk and (table != name or len(chunk) == CHUNK):
                    yield Base.metadata.tables[name], chunk
                    chunk = []
                name = table
                chunk.append(row)
            if chunk:
                yield Base.metadata.tables[name], chunk
    except (OSError, EOFError, StopIteration, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BackupError(f"{file.name} is not a whole backup of Molva ({type(error).__name__})") from error


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return {"b": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, datetime):
        return {"t": value.isoformat()}
    if isinstance(value, date):
        return {"d": value.isoformat()}
    if isinstance(value, Decimal):
        return {"n": str(value)}
    return {"j": value} if isinstance(value, dict | list) else value


def _revived(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    readers: dict[str, Any] = {
        "b": base64.b64decode,
        "t": datetime.fromisoformat,
        "d": date.fromisoformat,
        "n": Decimal,
        "j": lambda same: same,
    }
    return readers[kind](inner)


def _set_sequences(connection: Connection) -> None:
    for table in Base.metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None and column.name == "id":
            connection.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), "  # noqa: S608
                    f"COALESCE((SELECT max(id) FROM {table.name}), 1))"
                )
            )
