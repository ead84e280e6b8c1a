"""A worker, or a web process, killed at any step of a wave of 300 clients, and nothing is lost or done twice.

Where: `kill_points`. In the suite five of the places, another five with another seed; `make soak` strikes 200 times.
"""

from __future__ import annotations

import pytest

from tests.journeys.kill_points import PLACES, plan
from tests.journeys.kill_story import lived

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]


def test_a_wave_of_300_survives_five_kills(sqlite_url: str) -> None:
    """Nobody gets a letter twice by the mail server's own record, no answer is lost, everybody has one outcome, the
    cards hold what was said, and at most one letter a kill is of unknown fate."""
    lived(sqlite_url, count=300, seed=6, kills=5)


def test_a_small_wave_survives_a_kill_at_every_step(postgres_url: str) -> None:
    """Before and after each commit that counts, each letter's hand-over, each request to the portal."""
    lived(postgres_url, count=12, seed=1, kills=len(PLACES), small=True)


def test_every_step_is_struck_before_any_is_struck_twice() -> None:
    """Whatever the seed."""
    for seed in range(20):
        places = [place for place, _ in plan(seed, len(PLACES))]
        assert sorted(places) == sorted(PLACES)
