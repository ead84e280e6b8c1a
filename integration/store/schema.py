"""The schema's version: what the database has, what the code wants, and the way from one to the other."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

MIGRATIONS = Path(__file__).parent.parent / "migrations"
LOCK = 7305201  # of PostgreSQL's advisory locks: one migration at a time


class SchemaError(Exception):
    """The database's schema is not the one this code needs; the text says what to do."""


def head() -> str:
    """The newest version the code knows."""
    found = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    assert found is not None, "the package ships its migrations"
    return found


def current(engine: Engine) -> str | None:
    """The database's version; nothing for an empty database."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def check(engine: Engine) -> None:
    """Raise `SchemaError` unless the database is at the newest version."""
    found = current(engine)
    if found != head():
        state = "has no schema yet" if found is None else f"has schema {found}, this code needs {head()}"
        raise SchemaError(f"the database {state}; run: molva migrate")


def upgrade(engine: Engine) -> tuple[str | None, str]:
    """Bring the database to the newest version, one process at a time; return the versions before and after.

    Locks wait at most ten seconds, so that a migration never stands in the way of a running web process for long.
    """
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL lock_timeout = '10s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        before = MigrationContext.configure(connection).get_current_revision()
        command.upgrade(alembic_config(connection), "head")
    return before, head()


def alembic_config(connection: Connection) -> AlembicConfig:
    """Alembic's configuration for an open connection."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
