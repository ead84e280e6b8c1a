"""The page of a call's words: shown on a client, refused with the part, kept, taken back; the desk says them (W20)."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from integration.services import frames
from integration.services.calling import wording
from integration.store.base import make_sessions
from tests.conftest import HandClock
from tests.services.calling import desk_world
from tests.services.calling.desk_world import Desk
from tests.services.report_world import viewer
from tests.services.wave_world import HEAD, MANAGER
from tests.web.conftest import make_app

PATH = "/app/settings/letters/call/en"
OWN = {**wording.standard("en"), "thanks": "Thanks a lot, {first_name}!", "later": "When, then?"}


@pytest.fixture
def desk(one_engine: Engine, clock: HandClock) -> Desk:
    return desk_world.make(make_sessions(one_engine), clock)


def ask(browser: FlaskClient, desk: Desk, path: str = "", user: int = HEAD, **fields: Any) -> TestResponse:
    who = viewer(desk.world, user, administrator=user == HEAD, language="en")
    data = {"session": frames.seal(desk.deps, who), **fields}
    return browser.post(path if path.startswith("/app") else f"{PATH}{path}", data=data)


def said(answer: TestResponse, status: int = 200) -> str:
    assert answer.status_code == status, answer.text
    return " ".join(answer.text.split())


def test_an_administrator_words_the_call_and_the_desk_says_it(desk: Desk) -> None:
    """The preview follows what is typed, on a client of the portal; a text without service and people is refused and
    stays in its fields; somebody who was faster is named; history and the way back; others may not open it."""
    client = make_app(desk.deps).test_client()
    page = said(ask(client, desk))
    for words in (
        "standard words",
        "{judged}",
        "Daisy Ltd",
        "certain to",
        "one question",
    ):
        assert words in page, words
    seen = said(ask(client, desk, "/look", started="1", client="company:11", **OWN))
    assert "When, then?" in seen
    assert "Клиент 11" in seen
    wrong = said(
        ask(client, desk, do="save", started="1", version="0", **{**OWN, "about": "It is <i>us</i>."}), 422
    )
    for words in (
        "The client must hear which service and which people are meant",
        "&lt;i&gt;",
        "It is &lt;i&gt;us",
    ):
        assert words in wrong, words
    look = said(ask(client, desk, "/look", started="1", **{**OWN, "about": "Us."}))
    assert "Below still stand the saved words." in look
    assert "Saved. The next client is called with these words." in said(
        ask(client, desk, do="save", started="1", version="0", **OWN)
    )
    other = said(ask(client, desk, do="save", started="1", version="0", **{**OWN, "never": "Mine."}), 409)
    assert "has changed these words meanwhile." in other
    assert "Mine." in other
    late = said(ask(client, desk, do="restore", restore="1", version="0"), 409)
    assert "Your words are still in the fields." in late
    assert "Thanks a lot, {first_name}!</textarea>" in late, "those the button meant"
    overview = said(ask(client, desk, "/app/settings/letters"))
    assert overview.count(">own words<") == 1
    desk.set(1100, language="en")
    shown = ask(client, desk, "/app/desk", do="next")
    assert "When, then?" in shown.text
    assert 'name="wording" value="agency/call/en/1 ' in shown.text
    assert "The standard words are back." in said(ask(client, desk, do="standard", version="1"))
    assert "The words of version 1 count again." in said(
        ask(client, desk, do="restore", restore="1", version="2")
    )
    assert ask(client, desk, do="restore", restore="7", version="3").status_code == 404
    assert ask(client, desk, user=MANAGER).status_code == 403
    assert ask(client, desk, "/app/settings/letters/call/xx").status_code == 404
