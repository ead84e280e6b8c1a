"""Hundreds of sudden deaths, and twenty agencies on both databases: hours, so only by `make soak`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.journeys.kill_story import lived
from tests.journeys.test_year import APART, empty_postgres, live

__all__ = ["empty_postgres"]

pytestmark = [pytest.mark.journey, pytest.mark.slow]


#: Smaller for a first look: `MOLVA_SOAK_KILLS=30 make soak`.
KILLS = int(os.environ.get("MOLVA_SOAK_KILLS", "200"))


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_wave_of_300_survives_two_hundred_kills_of_two_workers(
    database: str, request: pytest.FixtureRequest
) -> None:
    """The two workers and the web process die in turn, while the others go on."""
    lived(request.getfixturevalue(f"{database}_url"), count=300, seed=KILLS, kills=KILLS, workers=2)


@pytest.mark.parametrize("seed", range(1, 6))
def test_ten_sudden_deaths_a_year_change_nothing_that_counts(tmp_path: Path, seed: int) -> None:
    calm = live(tmp_path, "--seed", str(seed))
    wild = live(tmp_path, "--seed", str(seed), "--kills", "10")
    assert len(wild["kills"]) == 10
    assert len(wild["unknown_letters"]) <= 10
    assert {k: v for k, v in wild.items() if k not in APART} == {
        k: v for k, v in calm.items() if k not in APART
    }


@pytest.mark.parametrize("seed", range(1, 21))
def test_every_agency_ends_right_on_sqlite(tmp_path: Path, seed: int) -> None:
    live(tmp_path, "--seed", str(seed))


@pytest.mark.parametrize("seed", range(1, 21))
def test_every_agency_ends_right_on_postgresql(
    tmp_path: Path, seed: int, request: pytest.FixtureRequest
) -> None:
    live(tmp_path, "--seed", str(seed), database_url=request.getfixturevalue("empty_postgres"))
