"""What clients do on their pages in a real wave, for the tests of thanks, the direct line and colleagues."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from integration.services import direct_line, survey
from integration.services.direct_line import SaidResult
from integration.services.survey_types import AnswerResult
from tests.services.survey_world import BROWSER, TOUCH
from tests.services.wave_world import World

MOSCOW = ZoneInfo("Europe/Moscow")


def msk(month: int, day: int, hour: int = 9, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=MOSCOW)


def asked(world: World) -> World:
    """A wave in which the question has gone out; client 2 has three people, client 3 one."""
    world.client(2, people=3)
    world.client(3)
    for contact in (201, 202):
        world.set(_contact(), (world.portal_id, contact), role="daily")
    world.approved()
    world.until(msk(3, 2, 12))
    return world


def _contact() -> type[Any]:
    from integration.store.clients import Contact

    return Contact


def gesture(world: World, contact: int, purpose: str = "answer") -> str:
    """A one-time value, as a person gets it by touching the page."""
    token = world.invitations()[contact].token
    nonce = survey.page(world.deps, token).nonce
    world.clock.advance(seconds=5)
    return survey.prove(world.deps, token, nonce, TOUCH | {"purpose": purpose}, user_agent=BROWSER) or ""


def says(world: World, contact: int, score: int, comment: str = "", **more: Any) -> AnswerResult:
    """A person answers on the page."""
    proof = gesture(world, contact)
    token = world.invitations()[contact].token
    form = {"score": str(score), "comment": comment}
    return survey.answer(world.deps, token, form, proof=proof, user_agent=BROWSER, **more)


def direct_token(world: World, text: str) -> str:
    """The token of the direct line that stands in a letter."""
    return text.split("https://molva.example/d/")[1].split()[0].rstrip(".")


def writes(world: World, token: str, words: str, **more: Any) -> SaidResult:
    """A person writes by the direct line."""
    nonce = direct_line.page(world.deps, token).nonce
    world.clock.advance(seconds=5)
    proof = direct_line.prove(world.deps, token, nonce, TOUCH, user_agent=BROWSER) or ""
    return direct_line.say(world.deps, token, {"words": words, **more}, proof=proof, user_agent=BROWSER)
