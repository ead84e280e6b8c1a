"""A whole year of an agency with real processes, as ``molva demo --once`` lives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = 24  # fewer, and clients on hold, leaving or coming back are not among them
STORY = ("--seed", "2", "--clients", str(CLIENTS))
#: What may differ between a year with sudden deaths and one without.
APART = ("seconds", "portal_requests", "unknown_letters", "kills", "portal_errors", "letters", "reopened")


def live(tmp_path: Path, *arguments: str, database_url: str = "") -> dict[str, Any]:
    """One run; its summary. Fails with the mismatches if the portal is not as it should be."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MOLVA_")}
    env |= {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    env |= {"MOLVA_DATABASE_URL": database_url} if database_url else {}
    command = [sys.executable, "-m", "integration", "demo", "--once", "--json", *arguments]
    done = subprocess.run(
        command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=560, check=False
    )
    assert done.stdout, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, summary["mismatches"]) == (0, []), done.stderr
    return summary


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A year in which nothing goes wrong, on SQLite."""
    return live(tmp_path_factory.mktemp("calm"), *STORY)


@pytest.fixture
def empty_postgres(postgres_server: str) -> Iterator[str]:
    """The address of a database without any table, on the real server."""
    server = make_url(postgres_server).set(drivername="postgresql+psycopg")
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS journey WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE journey"))
        yield server.set(drivername="postgresql", database="journey").render_as_string(hide_password=False)
        connection.execute(text("DROP DATABASE journey WITH (FORCE)"))
    engine.dispose()


def same(summary: dict[str, Any]) -> dict[str, Any]:
    """What has to be equal however the year went."""
    return {name: value for name, value in summary.items() if name not in APART}


@pytest.mark.journey
@pytest.mark.timeout(600)
def test_a_year_ends_with_every_card_comment_and_task_in_the_portal(calm: dict[str, Any]) -> None:
    assert calm["clients"] == CLIENTS
    assert calm["eligible"] + sum(calm["not_asked"].values()) == CLIENTS
    assert calm["announced"] == calm["respondents"] >= calm["mailed"] > 0
    assert calm["calls"] > calm["announced"] - calm["mailed"] > 0, "who settled it by phone is not written to"
    assert calm["cards_updated"] > calm["responses"] > 0
    assert calm["timeline_comments"] > 0
    assert calm["tasks"] > 0


@pytest.mark.journey
@pytest.mark.timeout(1200)
def test_five_sudden_deaths_on_postgresql_change_nothing_that_counts(
    calm: dict[str, Any], tmp_path: Path, empty_postgres: str
) -> None:
    """The other database and the kills in one year; a calm year on PostgreSQL is lived by `make soak`."""
    wild = live(tmp_path, *STORY, "--kills", "5", database_url=empty_postgres)
    assert len(wild["kills"]) == 5
    assert len(wild["unknown_letters"]) <= 5
    assert same(wild) == same(calm)
