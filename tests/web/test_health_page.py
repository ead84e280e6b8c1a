"""The page that says whether Molva is well: causes first, what to do, and where (product.md T8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from integration.services import health
from integration.store.base import make_engine, make_sessions
from tests.web import request_world
from tests.web.setup_world import Desk, desk

PATH = "/app/settings/health"


@pytest.fixture
def one(sqlite_url: str) -> Iterator[Desk]:
    engine = make_engine(sqlite_url)
    with desk(make_sessions(engine)) as made:
        yield made
    engine.dispose()


LANGUAGES = {
    "ru": "Почтовый сервер не настроен",
    "uk": "Поштовий сервер не налаштовано",
    "en": "No mail server is set up",
}


def test_what_is_wrong_stands_first_with_what_to_do(one: Desk) -> None:
    """A worker that stands still is named, not everything that follows from it; then each thing with its place."""
    for language, words in LANGUAGES.items():
        assert words in one.html(PATH, language=language)
    assert one.post(PATH, viewer=replace(one.who(), user_id=6, administrator=False)).status_code == 403
    health.heartbeat(one.place.deps, "worker-1")
    html = one.html(PATH)
    assert "1 thing needs somebody" in html  # no mail server is set up
    assert "Molva works meanwhile." in html
    assert "Bitrix24 lets Molva in" in html
    request_world.sick(one.place)
    html = one.html(PATH)
    assert "The work in the background has stopped" in html
    assert "Until then Molva does not do all its work." in html
    assert "Something has been waiting" not in html
    health.heartbeat(one.place.deps, "worker-1")
    html = one.html(PATH)
    assert "5 entries could not be written to Bitrix24" in html
    assert 'formaction="/app/settings/outbox"' in html
    assert "Something has been waiting for Bitrix24 since" in html
    assert "2 letters need your decision" in html
    assert "The clocks of Molva and Bitrix24 differ by 400 seconds" in html
    assert html.index("To be done") < html.index("Good to know") < html.index("What is all right")


def test_check_now_asks_everybody_and_says_when(one: Desk) -> None:
    """The page itself asks nobody; a portal that does not answer leaves what was last known."""
    health.heartbeat(one.place.deps, "worker-1")
    one.place.fresh_counters()
    one.html(PATH)
    assert one.place.counters()["http"] == 0
    html = one.html(PATH, do="check")
    assert "Checked just now." in html
    assert "last looked at" in html
    assert one.place.counters()["by_method"] == {"server.time": 1}
    one.place.fault("drop_before", count=3)
    html = one.html(PATH, do="check")
    assert "The check did not work." in html
    assert "Bitrix24 does not answer as it should" in html
