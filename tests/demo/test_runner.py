"""Time passes between the deeds of the story as it does in an agency, also where the portal tells nothing of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from integration.bitrix.sandbox.story import LEAST, tell
from integration.demo.printing import Teller
from integration.demo.runner import Play
from integration.demo.world import World
from integration.services.setup import RECONCILE_EVERY


class Idle:
    """Staff whose deeds nobody hears of."""

    def do(self, act: Any) -> None: ...


@pytest.mark.parametrize(("troubles", "waits"), [({"losses": True}, True), ({"kills": 1}, True), ({}, False)])
def test_a_deed_of_which_no_event_may_come_is_followed_by_molvas_own_round_before_the_clock_leaps_on(
    tmp_path: Path, troubles: dict[str, Any], waits: bool
) -> None:
    story = tell(5, LEAST)
    world = World(tmp_path, story)
    play = Play(story, world, Teller(quiet=True), **troubles)
    play.staff = Idle()  # type: ignore[assignment]
    won = next(act for act in story.acts if act.about.endswith("«Хвост» is won"))
    world.jump(won.at)
    play._deed(won)()
    following = play.year.agenda.next
    assert (following is not None) is waits
    if following is not None:
        seconds = (following - won.at).total_seconds()
        assert RECONCILE_EVERY < seconds < 2 * RECONCILE_EVERY
