"""Settings: by which way the letters of a sender leave, by hand, by test client and as a browser shows it (W19)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape

import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine

from integration.mail.reach import CheckedMailers
from integration.services import letters
from integration.store import mailboxes as rows
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.mailboxes import SenderMailbox
from tests.conftest import HandClock
from tests.mail import test_smtp as smtp
from tests.mail.servers import MailServer
from tests.web.conftest import Eyes, make_app, served
from tests.web.letters_world import Inside, faultless, make_inside, opened

PATH = "/app/settings/senders/way"
FORM = {"sender": "branch", "do": "save", "way": "own", "scheme": "smtp", "host": "127.0.0.1", "user": "",
        "password": "", "per_hour": "30", "per_day": "200", "dkim_selector": "mail"}  # fmt: skip


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def made(sessions: Sessions, clock: HandClock, *, private: bool = True) -> Inside:
    inside = make_inside(sessions, clock)
    inside.world.deps = replace(inside.world.deps, mailers=CheckedMailers(allow_private=private, timeout=3))
    inside.app = make_app(inside.world.deps)
    inside.client = inside.app.test_client()
    return inside


def box_of(inside: Inside) -> SenderMailbox | None:
    with transaction(inside.world.deps.sessions) as session:
        return rows.of(session, inside.world.portal_id).get("branch")


def test_an_own_server_is_checked_saved_shown_and_tried(sessions: Sessions, clock: HandClock) -> None:
    """The whole way: from the list of those who sign to a letter that came out of the own server."""
    inside = made(sessions, clock)
    post = smtp.Post()
    controller = MailServer(post)
    controller.start()
    try:
        assert words(inside.html("/app/settings/senders")).count("через почтовый сервер Molva") == 2
        port = str(controller.port)
        html = inside.html(PATH, **FORM, port=port)
        assert "Сохранено. Сервер нас пустил." in words(html)
        assert f'value="{port}"' in html
        assert "Сервер нас пустил." in words(inside.html(PATH, sender="branch", do="check"))
        assert "через свой сервер 127.0.0.1" in words(inside.html("/app/settings/senders"))
        html = inside.html(PATH, sender="branch", do="test", address="user1@agency.example.com", once="x")
        assert "Письмо уже отправляется" in words(html) or "data-fate" in html
        inside.html(PATH, sender="branch", do="test", address="user1@agency.example.com", once="x")
        letters.drain(inside.world.deps)
        assert len(post.taken) == 1
        told = words(inside.html("/app/settings/letters/fate", test_letter=str(inside.world.letters()[0].id)))
        assert "user1@agency.example.com" in told
    finally:
        controller.stop()
    failed = words(inside.html(PATH, sender="branch", do="check"))
    assert "Проверка не прошла. На этом порту никто не отвечает. Проверьте порт." in failed
    assert "проверьте" in words(inside.html("/app/settings/senders"))
    assert "Письма от имени Ольга Лис не уходят" in words(inside.html("/app/main"))
    other = inside.html(PATH, 422, sender="branch", do="test", address="client@example.com", once="y")
    assert "data-fate" not in other


def test_what_is_wrong_is_said_at_its_field_and_a_password_is_never_shown(
    sessions: Sessions, clock: HandClock
) -> None:
    inside = made(sessions, clock, private=False)
    typed = {**FORM, "user": "lis@agency.example.com", "password": "geheim-47"}
    cases = [
        ({"port": "465"}, "во внутренней сети"),
        ({"port": "6379"}, "только по портам 25, 465, 587 и 2525"),
        ({"port": ""}, "Порт: Заполните это поле."),
        ({"port": "587", "host": "http://x"}, "Укажите имя сервера"),
        ({"port": "587", "password": ""}, "Заполните это поле."),
        ({"port": "587", "per_hour": "20000"}, "Слишком большое число."),
        ({"port": "587", "dkim_selector": "a_b!"}, "только латинские буквы"),
    ]
    for changed, told in cases:
        html = inside.html(PATH, 422, **{**typed, **changed})
        assert told in words(html), changed
        assert "geheim-47" not in html
        assert 'value="lis@agency.example.com"' in html
    assert box_of(inside) is None
    html = inside.html(PATH, sender="branch", do="save", way="portal", per_hour="0", per_day="0")
    assert "Сохранено." in words(html)
    box = box_of(inside)
    assert box is not None
    assert (box.way, box.shown) == ("portal", "")
    for language, title in (("uk", "Як ідуть листи"), ("en", "How the letters leave")):
        inside.language = language
        assert title in words(inside.html(PATH, sender="branch"))


def test_only_administrators_come_here_and_only_for_senders_there_are(
    sessions: Sessions, clock: HandClock
) -> None:
    inside = made(sessions, clock)
    for sender in ("", "nobody", "x" * 64):
        assert inside.post(PATH, sender=sender).status_code == 404
    inside.administrator = False
    assert inside.post(PATH, sender="branch").status_code == 403
    assert inside.post(PATH, **FORM, port="25").status_code == 403
    assert box_of(inside) is None


@pytest.fixture
def seen(one_engine: Engine, clock: HandClock) -> Inside:
    inside = made(make_sessions(one_engine), clock)
    inside.app.config["BX24_SCRIPT_URL"] = ""
    return inside


@pytest.fixture
def site(seen: Inside) -> Iterator[str]:
    yield from served(seen.app)


@pytest.mark.browser
def test_the_server_s_fields_show_only_for_an_own_server(
    eyes: Callable[..., Eyes], seen: Inside, site: str
) -> None:
    """Nothing is wider than the window, axe finds nothing."""
    for width, dark in ((1280, False), (375, True)):
        look = eyes(width, dark=dark)
        opened(look.page, seen, site, "/app/settings/senders")
        look.page.get_by_role("button", name="Как и как быстро").last.click()
        host = look.page.get_by_label("Почтовый сервер", exact=True)
        expect(host).to_be_hidden()
        look.page.get_by_role("radio", name="из ящика").check()
        expect(host).to_be_visible()
        host.fill("mail.example.com")
        faultless(look)
