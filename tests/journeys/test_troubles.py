"""The neighbours fail for a while: mail server, portal, tokens, delivery of events. Nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from integration.bitrix.sandbox.story import tell
from integration.demo.mailroom import write_switch
from integration.demo.printing import Teller
from integration.demo.runner import Play
from integration.demo.world import World

CLIENTS, SEED = 14, 5


@pytest.mark.journey
@pytest.mark.timeout(900)
def test_a_silent_mail_server_a_dead_portal_and_lost_events_are_made_good(tmp_path: Path) -> None:
    story = tell(SEED, CLIENTS)
    world = World(tmp_path, story)
    play = Play(story, world, Teller(quiet=True), losses=True)
    done: list[str] = []
    sold = next(act.at for act in story.acts if act.about.endswith("«Хвост» is won"))
    tokens_die = story.begin + timedelta(days=100)
    mailed, announced = (play.office.opening(day) for day in (play.days.mailed, play.days.announced))

    def once(name: str, moment: datetime, now: datetime, deed: Callable[[], object]) -> None:
        if now >= moment and name not in done:
            done.append(name)
            deed()

    def dead_for_an_hour() -> None:
        world.control.put("settings", {"down": True})
        back = world.now() + timedelta(hours=1)
        play.year.agenda.put(
            back, "the portal is back", lambda: world.control.put("settings", {"down": False})
        )

    def lose(every: int) -> None:
        losses = {"lose_every": every, "duplicate_every": 4, "reorder": True}
        world.control.put("settings", {"events": losses})

    def disturb(now: datetime) -> None:
        once("losses", story.begin + timedelta(days=20), now, lambda: lose(3))
        once("tokens", tokens_die, now, lambda: world.control.post("tokens/expire", {"refresh": True}))
        once("mail", announced, now, lambda: write_switch(world.mail, "temporary", 7))
        once("mail again", mailed, now, lambda: write_switch(world.mail, "temporary", 5))
        once("no word of a sale", sold, now, lambda: lose(1))
        once("words again", sold + timedelta(minutes=5), now, lambda: lose(3))
        once("portal", mailed + timedelta(hours=1), now, dead_for_an_hour)

    play.year.disturb = disturb
    try:
        _, actual, problems = play.run()
    finally:
        world.stop()
    assert done == ["losses", "tokens", "no word of a sale", "words again", "mail", "mail again", "portal"]
    assert play.reopened == 1
    assert problems == []
    assert actual.scores
