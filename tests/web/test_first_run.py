"""The first run: four steps with defaults that work, left and come back to, to a letter in a real mailbox (P7)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from html import unescape
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine

from integration.mail.smtp import SmtpMailer, SmtpServer
from integration.services import first_run, letters, policies
from integration.services.first_run import STEPS
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.portals import Staff
from tests.conftest import HandClock, a_portal
from tests.mail import test_smtp as smtp
from tests.mail.servers import MailServer
from tests.services.wave_world import MANAGER
from tests.web.conftest import Eyes, served
from tests.web.letters_world import Inside, faultless, make_inside, opened

CLIENTS = {
    "pipelines": "9", "stages": ["C9:NEW", "C9:TROUBLE"], "since": "", "current_months": "12", "min_age_months": "3",
}  # fmt: skip
CALENDAR = {"wave_month": "10", "wave_day": "5", "announce_days": "14", "hours_from": "10", "hours_to": "17"}


@pytest.fixture
def inside(sessions: Sessions, clock: HandClock) -> Inside:
    return make_inside(sessions, clock)


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def step(inside: Inside, name: str, status: int = 200, **fields: Any) -> str:
    return inside.html(f"/app/start/{name}" if name else "/app/start", status, **fields)


def version(html: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', html)
    assert found is not None
    return found[1]


def stored(inside: Inside) -> Any:
    with transaction(inside.world.deps.sessions) as session:
        return policies.load(session, inside.world.portal_id)[0]


def run_of(inside: Inside) -> first_run.FirstRun:
    return first_run.read(inside.world.deps, inside.world.portal_id)


def fields_of(html: str) -> dict[str, Any]:
    """What a browser would post of the form as it stands: text, ticked boxes, chosen options."""
    form = html[html.index('id="sheet"') :].split("<template")[0]
    found: dict[str, Any] = {}
    for tag in re.findall(r"<input [^>]*>", form):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if (
            name
            and name[1] != "session"
            and (("checkbox" not in tag and "radio" not in tag) or "checked" in tag)
        ):
            found[name[1]] = unescape(value[1]) if value else "1"
    for name, options in re.findall(r'<select [^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'value="([^"]*)" selected', options)
        found[name] = unescape(chosen[1]) if chosen else ""
    return found


@pytest.mark.parametrize(
    ("language", "titles"),
    [
        ("ru", ("Кто подписывает письма", "Кто ваш клиент", "Когда спрашивать", "Письмо себе")),
        ("uk", ("Хто підписує листи", "Хто ваш клієнт", "Коли питати", "Лист собі")),
        ("en", ("Who signs the letters", "Who is a client", "When to ask", "A letter to yourself")),
    ],
)
def test_each_step_speaks_the_language_of_the_viewer(
    inside: Inside, language: str, titles: tuple[str, ...]
) -> None:
    inside.language = language
    for name, title in zip(STEPS, titles, strict=True):
        assert f"<h1>{title}</h1>" in step(inside, name)


def test_saving_leads_on_step_by_step_to_the_end(inside: Inside) -> None:
    html = step(inside, "senders")
    html = step(inside, "senders", do="save", **fields_of(html))
    assert "Кто ваш клиент" in html
    html = step(inside, "clients", do="save", version=version(html), **CLIENTS)
    assert "Когда спрашивать" in html
    html = step(inside, "calendar", do="save", version=version(html), **CALENDAR)
    assert "Письмо себе" in html
    html = step(inside, "test", do="test", address="user1@agency.example.com")
    assert "Письмо отправляется." in words(html)
    assert [row.kind for row in inside.world.letters()] == ["test"]
    html = step(inside, "test", do="finish")
    assert "Molva настроена" in html
    assert run_of(inside).finished
    assert run_of(inside).done == 4
    kept = stored(inside)
    assert (kept.wave_month, kept.wave_day, kept.hours_from, kept.hours_to) == (10, 5, 10, 17)
    assert kept.reminder_days == (4, 9)
    assert [sender.name for sender in kept.senders] == ["Пётр Сом", "Ольга Лис"]


def test_a_step_changes_its_own_settings_and_no_others(inside: Inside) -> None:
    inside.world.policy(max_respondents=2, min_gap_days=400, trouble_stages=["C9:TROUBLE"], calling=True)
    html = step(inside, "clients")
    step(inside, "clients", do="save", version=version(html), **{**CLIENTS, "current_months": "6"})
    kept = stored(inside)
    assert (kept.current_months, kept.max_respondents, kept.min_gap_days) == (6, 2, 400)
    assert (kept.trouble_stages, kept.calling) == (("C9:TROUBLE",), True)


def test_what_is_impossible_is_said_at_the_field_and_the_step_stays_open(inside: Inside) -> None:
    html = step(inside, "calendar")
    wrong = {**CALENDAR, "hours_from": "18", "hours_to": "9"}
    html = step(inside, "calendar", 422, do="save", version=version(html), **wrong)
    assert "f-hours_to-problem" in html
    assert 'value="18" selected' in html
    assert run_of(inside).status("calendar") == "open"


def test_without_a_pipeline_the_step_is_refused_at_its_field_unless_that_is_meant(inside: Inside) -> None:
    html = step(inside, "clients")
    none = {**CLIENTS, "pipelines": [], "stages": []}
    html = step(inside, "clients", 422, do="save", version=version(html), **none)
    place = html[html.index('id="f-pipelines"') :]
    assert (
        "Отметьте воронки, в которых ведёте клиентов."
        in place[: place.index("</p>", place.index("problem-line"))]
    )
    assert run_of(inside).status("clients") == "open"
    assert stored(inside).service_pipelines == (9,)
    html = step(inside, "clients", do="save", version=version(html), sure="no_pipelines", **none)
    assert "Когда спрашивать" in html
    assert stored(inside).service_pipelines == ()


def test_a_day_of_the_list_that_has_passed_is_not_told_as_the_future(inside: Inside) -> None:
    assert "Список для следующего опроса" not in words(step(inside, "clients"))
    inside.world.clock.moment = datetime(2026, 2, 3, 9, tzinfo=UTC)  # the list was due on 19 January
    html = words(step(inside, "clients", version="1"))
    assert "Список для следующего опроса уже пора составлять." in html
    assert "когда составят следующий список" not in html
    html = words(step(inside, "calendar"))
    assert "Список уже пора составлять" in html
    assert "этот день прошёл" in html


def test_a_step_can_be_passed_by_and_come_back_to(inside: Inside) -> None:
    assert "Кто ваш клиент" in step(inside, "senders", do="skip")
    assert "Кто ваш клиент" in step(inside, "")
    for name in ("clients", "calendar"):
        step(inside, name, do="skip")
    html = step(inside, "test", do="skip")
    assert run_of(inside).finished
    assert words(html).count("сделать сейчас") == 4
    assert "Кто подписывает письма" in step(inside, "")


def test_what_is_typed_is_counted_and_planned_while_nothing_is_saved(inside: Inside) -> None:
    counted = words(step(inside, "clients/live", version="1", **CLIENTS))
    assert re.search(r"\b3 клиент", counted)
    nobody = words(step(inside, "clients/live", version="1", **{**CLIENTS, "min_age_months": "60"}))
    assert re.search(r"\b0 клиент", nobody)
    planned = words(step(inside, "calendar/live", version="1", **CALENDAR))
    assert "5 октября 2026" in planned
    assert stored(inside).wave_day == 2


def test_two_administrators_at_once_lose_nothing_and_learn_of_each_other(inside: Inside) -> None:
    html = step(inside, "calendar")
    seen = version(html)
    step(inside, "calendar", do="save", version=seen, **CALENDAR)
    html = step(inside, "calendar", 409, do="save", version=seen, **{**CALENDAR, "wave_day": "20"})
    assert "Пётр Сом" in html
    assert stored(inside).wave_day == 5


def test_where_nobody_signs_the_heads_stand_there_to_be_completed(inside: Inside) -> None:
    with transaction(inside.world.deps.sessions) as session:
        session.get_one(Staff, (inside.world.portal_id, 5)).phone = ""
    inside.world.policy(senders=[], default_sender="", head_sender="", sender_by_city={})
    html = step(inside, "senders")
    assert 'value="Пётр Сом"' in html
    assert "не хватает: телефон" in words(html)
    typed = fields_of(html)
    html = step(inside, "senders", 422, do="save", **typed)
    assert "f-senders-1-phone-problem" in html
    step(inside, "senders", do="save", **{**typed, "senders-1-phone": "+7 495 000-00-05"})
    assert [sender.phone for sender in stored(inside).senders] == ["+74950000001", "+7 495 000-00-05"]


def test_a_test_letter_tells_what_keeps_it(inside: Inside) -> None:
    html = step(inside, "test", 422, do="test", address="somebody@client.example.com")
    assert "только сотрудникам" in words(html)
    assert run_of(inside).status("test") == "open"
    inside.world.post.ready = False
    html = step(inside, "test", do="test", address="user1@agency.example.com")
    assert "MOLVA_SMTP_URL" in html
    inside.world.policy(senders=[], default_sender="", head_sender="", sender_by_city={})
    html = step(inside, "test", 422, do="test", address="user1@agency.example.com")
    assert "некому подписать" in words(html)


def test_only_administrators_of_this_portal_come_in(inside: Inside) -> None:
    with transaction(inside.world.deps.sessions) as session:
        other = a_portal(member_id="m-other", domain="other.example", language="ru")
        session.add(other)
        session.flush()
        number = other.id
    data = {"session": inside.session(number), "do": "skip"}
    assert inside.client.post("/app/start/senders", data=data).status_code == 200
    assert run_of(inside).status("senders") == "open"
    inside.administrator, inside.user_id = False, MANAGER
    for path in ("", "/senders", "/test", "/clients/live"):
        assert inside.post(f"/app/start{path}", do="skip").status_code == 403
    assert run_of(inside).at == "senders"


def test_a_step_that_does_not_exist_is_not_found(inside: Inside) -> None:
    for path in ("/app/start/nothing", "/app/start/nothing/live", "/app/start/test/live"):
        assert inside.post(path).status_code == 404


# --- in a browser


@pytest.fixture
def seen_inside(one_engine: Engine, clock: HandClock) -> Inside:
    return make_inside(make_sessions(one_engine), clock)


@pytest.fixture
def mailbox() -> Iterator[smtp.Post]:
    post = smtp.Post()
    controller = MailServer(post)
    controller.start()
    post.port = controller.port  # type: ignore[attr-defined]
    yield post
    controller.stop()


@pytest.fixture
def site(seen_inside: Inside) -> Iterator[str]:
    seen_inside.app.config["BX24_SCRIPT_URL"] = ""
    yield from served(seen_inside.app)


@pytest.mark.browser
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (375, True)])
def test_from_the_first_step_to_the_letter_in_the_mailbox(
    eyes: Callable[..., Eyes], seen_inside: Inside, site: str, mailbox: smtp.Post, width: int, dark: bool
) -> None:
    world = seen_inside.world
    mailer = SmtpMailer(SmtpServer.parse(f"smtp://127.0.0.1:{mailbox.port}"), timeout=30)  # type: ignore[attr-defined]
    look = eyes(width, dark=dark)
    page = look.page
    opened(page, seen_inside, site, "/app/start")
    faultless(look)
    page.get_by_role("button", name="Сохранить и дальше").last.click()
    expect(page.locator("h1")).to_have_text("Кто ваш клиент")
    expect(page.locator("#live")).to_contain_text("3 клиент")
    page.get_by_label("Работает с нами не меньше").fill("60")
    expect(page.locator("#live")).to_contain_text("0 клиент")
    page.get_by_label("Работает с нами не меньше").fill("3")
    expect(page.locator("#live")).to_contain_text("3 клиент")
    faultless(look)
    page.get_by_role("button", name="Сохранить и дальше").last.click()
    expect(page.locator("h1")).to_have_text("Когда спрашивать")
    page.locator("#f-wave_day").fill("5")
    expect(page.locator("#live")).to_contain_text("5 марта 2026")
    faultless(look)
    page.get_by_role("button", name="Пока пропустить").click()
    expect(page.locator("h1")).to_have_text("Письмо себе")
    expect(page.frame_locator("iframe").locator("body")).to_contain_text("Спросим об услуге «Сопровождение»")
    faultless(look)
    page.get_by_role("button", name="Отправить тестовое письмо").click()
    expect(page.locator("#fate")).to_contain_text("Письмо отправляется.")
    letters.drain(replace(world.deps, mailer=mailer))
    expect(page.locator("#fate")).to_contain_text("Письмо ушло.")
    faultless(look)
    (envelope,) = mailbox.taken
    assert envelope.rcpt_tos == ["user1@agency.example.com"]
    message = message_from_bytes(envelope.content or b"", policy=policy.default)
    assert message["Subject"] == "2 марта зададим вам один вопрос о нашей работе"
    body = message.get_body(("plain",))
    assert body is not None
    assert "Пётр, здравствуйте!" in body.get_content()
    page.get_by_role("button", name="Готово", exact=True).click()
    expect(page.locator("h1")).to_have_text("Molva настроена")
    expect(page.locator(".start-summary")).to_contain_text("сделать сейчас")
    faultless(look)
    assert first_run.read(world.deps, world.portal_id).finished
    assert first_run.read(world.deps, world.portal_id).status("calendar") == "skipped"
