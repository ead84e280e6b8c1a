"""Migrations lead to exactly the tables that the code uses, and an older schema is refused with the way out."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from integration.store import schema
from integration.store.base import Base, make_engine


@pytest.fixture(params=["sqlite", "postgres"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database without any table."""
    if request.param == "sqlite":
        engine = make_engine(f"sqlite:///{tmp_path / 'bare.db'}")
        yield engine
        engine.dispose()
        return
    shared: Engine = request.getfixturevalue("postgres_engine")
    name = f"bare_{uuid.uuid4().hex}"
    with shared.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine = make_engine(shared.url.set(database=name).render_as_string(hide_password=False))
    yield engine
    engine.dispose()
    with shared.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"DROP DATABASE {name}"))


def test_migrations_and_models_agree(bare: Engine) -> None:
    schema.upgrade(bare)
    with bare.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_an_empty_database_is_refused_with_the_command_to_run(bare: Engine) -> None:
    with pytest.raises(schema.SchemaError, match="molva migrate"):
        schema.check(bare)
    schema.upgrade(bare)
    schema.check(bare)


def test_migrating_twice_changes_nothing(bare: Engine) -> None:
    assert schema.upgrade(bare) == (None, schema.head())
    assert schema.upgrade(bare) == (schema.head(), schema.head())


def test_the_newest_version_can_be_taken_back_to_nothing(bare: Engine) -> None:
    from alembic import command

    schema.upgrade(bare)
    with bare.begin() as connection:
        command.downgrade(schema.alembic_config(connection), "base")
    with pytest.raises(schema.SchemaError):
        schema.check(bare)


#: Each command in turn, as `molva` would be called with it, in one process: what costs time is its start.
EACH = """
import sys
from integration.cli import main

for line in sys.argv[1:]:
    sys.argv[1:] = line.split()
    try:
        main()
    except SystemExit as end:
        print(line, end.code)
"""


def test_a_command_on_an_old_schema_ends_with_one_line_and_status_1(tmp_path: Path) -> None:
    env = {
        "MOLVA_SECRET_KEY": "a-key-that-is-long-enough",
        "MOLVA_PUBLIC_URL": "https://molva.example",
        "MOLVA_DATABASE_URL": f"sqlite:///{tmp_path / 'old.db'}",
    }
    commands = ["web", "worker", "serve", "backup x", "portal list"]
    run = subprocess.run(
        [sys.executable, "-c", EACH, *commands],
        env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.stdout.splitlines() == [f"{command} 1" for command in commands]
    refusal = "molva: the database has no schema yet; run: molva migrate"
    assert run.stderr.strip().splitlines() == [refusal] * len(commands)


def test_an_error_of_the_database_names_no_values(bare: Engine) -> None:
    """Errors are logged, and values are people's addresses, words and links (product.md T6)."""
    with pytest.raises(DBAPIError) as error, bare.connect() as connection:
        connection.execute(text("SELECT * FROM nowhere WHERE address = :address"), {"address": "a@b.example"})
    assert "a@b.example" not in str(error.value)
