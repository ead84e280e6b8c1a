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
#: What may differ between a year with sudden deaths and one without.
APART = ("seconds", "portal_requests", "unknown_letters", "kills", "portal_errors", "letters")


def live(tmp_path: Path, *arguments: str, database_url: str = "") -> dict[str, Any]:
    """One run; its summary. Fails with the mismatches if the portal is not as it should be."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MOLVA_")}
    env |= {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    env |= {"MOLVA_DATABASE_URL": database_url} if database_url else {}
    command = [sys.executable, "-m", "integration", "demo", "--once", "--json", *arguments]
    done = subprocess.run(
        command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.stdout, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, summary["mismatches"]) == (0, []), done.stderr
    return summary


@pytest.fixture
def empty_postgres(postgres_server: str) -> Iterator[str]:
    """The address of a database without any table, on the real server."""
    engine = create_engine(
        make_url(postgres_server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS journey WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE journey"))
        yield make_url(postgres_server).set(database="journey").render_as_string(hide_password=False)
        connection.execute(text("DROP DATABASE journey WITH (FORCE)"))
    engine.dispose()


@pytest.mark.journey
@pytest.mark.timeout(300)
def test_a_year_ends_with_every_card_comment_and_task_in_the_portal(tmp_path: Path) -> None:
    summary = live(tmp_path, "--seed", "1", "--clients", "30")
    assert summary["clients"] == 30
    assert summary["eligible"] + sum(summary["not_asked"].values()) == 30
    assert summary["responses"] > 0
    assert summary["cards_updated"] > summary["responses"]
    assert summary["timeline_comments"] > 0
    assert summary["tasks"] > 0
    assert summary["announced"] == summary["respondents"]


@pytest.mark.journey
@pytest.mark.timeout(600)
def test_five_sudden_deaths_change_nothing_that_counts(tmp_path: Path) -> None:
    calm = live(tmp_path, "--seed", "2", "--clients", "24")
    wild = live(tmp_path, "--seed", "2", "--clients", "24", "--kills", "5")
    assert len(wild["kills"]) == 5
    assert len(wild["unknown_letters"]) <= 5
    assert {k: v for k, v in wild.items() if k not in APART} == {
        k: v for k, v in calm.items() if k not in APART
    }


@pytest.mark.journey
@pytest.mark.timeout(300)
def test_the_year_is_the_same_on_postgresql(tmp_path: Path, empty_postgres: str) -> None:
    small = live(tmp_path, "--seed", "3", "--clients", "24")
    large = live(tmp_path, "--seed", "3", "--clients", "24", database_url=empty_postgres)
    assert {k: v for k, v in large.items() if k not in APART} == {
        k: v for k, v in small.items() if k not in APART
    }
