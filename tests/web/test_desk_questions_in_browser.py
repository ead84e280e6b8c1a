"""Extra questions at the call desk by keyboard (product.md W8, W13)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from sqlalchemy import Engine

from integration.store.base import make_sessions
from integration.store.questions import ExtraAnswer
from integration.store.responses import Response
from tests.conftest import HandClock
from tests.services import wave_world
from tests.services.calling import desk_world
from tests.web.conftest import Eyes, make_app, served
from tests.web.test_desk import make
from tests.web.test_desk_in_browser import RULES, enter, press, ready
from tests.web.test_questions_shown import SPEED, WORDS

pytestmark = pytest.mark.browser


def test_digits_within_an_extra_question_never_change_the_score(
    one_engine: Engine, clock: HandClock, eyes: Callable[..., Eyes]
) -> None:
    """X opens them, digits answer the one that is focused, Delete takes it back; saved with the same keys as ever."""
    desk = make(make_sessions(one_engine), clock, people={11: 1, 12: 1})
    policy = {**wave_world.POLICY, **desk_world.POLICY, "callers": [desk_world.ADA]}
    desk.world.policy(**policy, extra_questions=[SPEED, WORDS])
    for site in served(make_app(desk.deps)):
        seen = eyes(375)
        page = enter(seen, desk, site, do="take")
        ready(page)
        press(page, "9")
        expect(page.locator("input[name=score][value='9']")).to_be_checked()
        press(page, "x", "Tab", "2")
        expect(page.locator("input[name=q-speed][value='2']")).to_be_checked()
        press(page, "Delete")
        expect(page.locator("input[name=q-speed]:checked")).to_have_count(0)
        press(page, "7", "4")
        expect(page.locator("input[name=q-speed][value='4']")).to_be_checked()
        expect(page.locator("input[name=score][value='9']")).to_be_checked()
        press(page, "Tab")
        page.keyboard.type("Отчёты 10 раз")
        assert Axe().run(page, options=RULES).violations_count == 0
        press(page, "Control+Enter")
        expect(page.get_by_text("Отчёты 10 раз")).to_have_count(0)
        expect(page.locator("input[name=score]:checked")).to_have_count(0)
        assert [row.score for row in desk.world.rows(Response)] == [9]
        assert {row.question: row.value for row in desk.world.rows(ExtraAnswer)} == {
            "speed": "4", "words": "Отчёты 10 раз",
        }  # fmt: skip
        assert seen.errors == []
