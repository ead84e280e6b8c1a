"""The letters' pages: words are edited, shown, tested and taken back, by an administrator of this portal only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape

import pytest
from playwright.sync_api import Route, expect
from sqlalchemy import Engine

from integration.nps import wording
from integration.services import letter_texts
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.letters import LetterRow
from tests.browser import until_here
from tests.conftest import HandClock, a_portal
from tests.services.wave_world import MANAGER
from tests.web.conftest import Eyes, served
from tests.web.letters_world import MARKUP, Inside, faultless, make_inside, opened

BASE = "/app/settings/letters"
RU = f"{BASE}/invitation/ru"
GOOD = {
    "started": "1",
    "subject": "Вопрос — {agency}",
    "before": "{greeting}\n\n{judged}",
    "after": "Спасибо.",
}


@pytest.fixture
def inside(sessions: Sessions, clock: HandClock) -> Inside:
    return make_inside(sessions, clock)


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


@pytest.mark.parametrize(
    ("language", "title", "state"),
    [
        ("ru", "Письма опроса", "стандартный"), ("uk", "Листи опитування", "стандартний"),
        ("en", "Letters of the survey", "standard"),
    ],
)  # fmt: skip
def test_the_list_names_every_letter_in_every_language(
    inside: Inside, language: str, title: str, state: str
) -> None:
    inside.language = language
    html = inside.html(BASE)
    assert title in words(html)
    assert words(html).count(state) >= 24
    for kind in wording.EDITABLE:
        for code in ("ru", "uk", "en"):
            assert f'formaction="{BASE}/{kind}/{code}"' in html


def test_a_language_no_letter_goes_in_is_said_to_be_unused(inside: Inside) -> None:
    inside.world.policy(languages=["ru"], language="ru")
    assert words(inside.html(BASE)).count("не используется") == 22


def test_words_are_saved_marked_and_taken_back(inside: Inside) -> None:
    html = inside.html(RU, do="save", version="0", **GOOD)
    assert "Сохранено." in words(html)
    assert 'value="Вопрос — {agency}"' in html
    assert "свой текст" in words(inside.html(BASE))
    assert "Версия 1" in words(html)
    html = inside.html(RU, do="standard", version="1", **GOOD)
    assert "Стандартный текст возвращён." in words(html)
    assert "Один вопрос о нашей работе — {agency}" in html
    html = inside.html(RU, do="restore", restore="1", version="2")
    assert "Снова действует текст версии 1." in words(html)
    assert 'value="Вопрос — {agency}"' in html
    html = inside.html(RU, 409, do="restore", restore="2", version="1")
    assert "Ваш текст на месте, в полях." in words(html)
    assert 'value="Один вопрос о нашей работе — {agency}"' in html, "the words the button meant"


def test_what_is_wrong_is_said_at_its_field_and_nothing_typed_is_lost(inside: Inside) -> None:
    typed = {"started": "1", "subject": "", "before": "Привет, {кто}!", "after": "<b>Пока</b> {question}"}
    html = inside.html(RU, 422, do="save", version="0", **typed)
    assert "У письма должна быть тема." in html
    for field in ("subject", "before", "after"):
        assert f'id="f-{field}-problem"' in html
    told = words(html)
    assert "Осталась лишняя фигурная скобка" in told
    assert "Пишите простым текстом: <b>" in told
    assert "{question}» писать не нужно" in told
    assert "Привет, {кто}!" in html
    assert "&lt;b&gt;Пока&lt;/b&gt; {question}" in html
    assert letter_texts.history(inside.world.deps, inside.world.portal_id, "invitation", "ru")[0].number == 0


def test_a_place_is_named_as_on_its_button_with_its_code(inside: Inside) -> None:
    """What the letter needs, and what has no meaning in it."""
    typed = {"started": "1", "subject": "{judged}", "before": "Слово {mailing_day}.", "after": "Спасибо."}
    html = inside.html(RU, 422, do="save", version="0", **typed)
    told = words(html)
    label = re.search(r'data-insert="\{judged\}"[^>]*><span>([^<]*)</span> <code>\{judged\}</code>', html)
    assert label is not None
    assert f"«{label[1]} {{judged}}»" in told
    assert f"{label[1]} {{judged}}" in told
    assert "«День вопроса {mailing_day}»" in told


def test_of_two_administrators_the_second_is_told_and_keeps_the_words(inside: Inside) -> None:
    inside.html(RU, do="save", version="0", **GOOD)
    other = {**GOOD, "subject": "Моя тема"}
    html = inside.html(RU, 409, do="save", version="0", **other)
    assert "Пока вы правили, это письмо изменили: Пётр Сом (1)." in words(html)
    assert 'value="Моя тема"' in html
    assert 'name="version" value="1"' in html
    assert "Сохранено." in words(inside.html(RU, do="save", version="1", **other))


def test_the_letter_itself_is_a_page_in_which_nothing_runs_or_leads_away(inside: Inside) -> None:
    answer = inside.post(f"{RU}/shown", client="company:4", **GOOD)
    html = answer.get_data(as_text=True)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script" not in policy
    assert "frame-ancestors 'self' http://portal.example" in policy
    assert html.count("?score=") == 11
    assert set(re.findall(r'href="([^"?]*)', html)) == {"#"}
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_the_letter_is_shown_as_plain_text_too(inside: Inside) -> None:
    html = inside.html(f"{RU}/shown", client="company:2", view="text", **GOOD)
    assert "<pre>" in html
    assert "/s/sample?score=10" in html


def test_while_one_types_the_envelope_and_the_places_follow(inside: Inside) -> None:
    html = inside.html(f"{RU}/look", client="company:4", **GOOD)
    assert MARKUP not in html
    assert "Ольга Лис" in html
    assert "Вопрос — Северный ветер" in html
    assert "&lt;script&gt;" in html
    broken = inside.html(f"{RU}/look", **{**GOOD, "before": "{нет}"})
    assert "Ниже пока сохранённый текст." in broken
    assert "Один вопрос о нашей работе" in broken


def test_clients_are_found_by_name_with_their_markup_as_words(inside: Inside) -> None:
    assert "Ромашка" in inside.html(f"{BASE}/clients", wanted="рОМАШ")
    html = inside.html(f"{BASE}/clients", wanted="<b>")
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert "Клиента с таким названием нет." in inside.html(f"{BASE}/clients", wanted="%_")


def test_a_test_goes_to_staff_and_what_became_of_it_is_said(inside: Inside) -> None:
    html = inside.html(RU, 422, do="test", address="p200@client.example.com", **GOOD)
    assert "только сотрудникам" in words(html)
    html = inside.html(RU, do="test", address="user6@agency.example.com", **GOOD)
    assert "Письмо отправляется." in words(html)
    (row,) = inside.world.letters()
    assert (row.kind, row.subject, row.wording) == (
        "test",
        "Вопрос — Северный ветер",
        "agency/invitation/ru/draft",
    )
    inside.world.tick()
    assert "Письмо ушло." in inside.html(f"{BASE}/fate", test_letter=str(row.id))
    assert letter_texts.history(inside.world.deps, inside.world.portal_id, "invitation", "ru")[0].number == 0


def test_a_letter_or_a_language_that_does_not_exist_is_not_found(inside: Inside) -> None:
    for path in (
        f"{BASE}/test/ru",
        f"{BASE}/invitation/de",
        f"{BASE}/shared/ru",
    ):
        assert inside.post(path).status_code == 404
    assert inside.post(RU, do="restore", restore="9", version="0").status_code == 404


def test_only_administrators_come_in(inside: Inside) -> None:
    inside.administrator, inside.user_id = False, MANAGER
    for path in (BASE, RU, f"{RU}/look", f"{RU}/shown", f"{BASE}/clients", f"{BASE}/fate"):
        assert inside.post(path, do="save", version="0", **GOOD).status_code == 403
        assert inside.client.post(path, data={"session": "forged"}).status_code in (400, 401, 403)
    assert letter_texts.in_use_of(inside.world.deps, inside.world.portal_id) == {}


def test_another_portal_sees_neither_words_nor_clients_nor_letters(inside: Inside) -> None:
    inside.html(RU, do="save", version="0", **GOOD)
    inside.html(RU, do="test", address="user6@agency.example.com", **GOOD)
    with transaction(inside.world.deps.sessions) as session:
        other = a_portal(member_id="m-other", domain="other.example", language="ru")
        session.add(other)
        session.flush()
        letter = session.query(LetterRow).one().id
    stranger = inside.session(other.id)

    def seen(path: str, **fields: str) -> str:
        answer = inside.client.post(path, data={"session": stranger, **fields})
        assert answer.status_code == 200
        return answer.get_data(as_text=True)

    assert "свой текст" not in words(seen(BASE))
    assert "Вопрос — {agency}" not in seen(RU)
    assert "Ромашка" not in seen(f"{BASE}/clients", wanted="Ромашка")
    assert "Дорогая" not in seen(f"{RU}/shown", client="company:2")
    assert "уже нет" in seen(f"{BASE}/fate", test_letter=str(letter))
    assert (
        inside.client.post(RU, data={"session": stranger, "do": "restore", "restore": "1"}).status_code == 404
    )


# --- in a browser


@pytest.fixture
def seen_inside(one_engine: Engine, clock: HandClock) -> Inside:
    return make_inside(make_sessions(one_engine), clock)


@pytest.fixture
def site(seen_inside: Inside) -> Iterator[str]:
    seen_inside.app.config["BX24_SCRIPT_URL"] = ""
    yield from served(seen_inside.app)


@pytest.mark.browser
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (375, True), (320, False)])
def test_words_are_edited_with_buttons_and_a_preview(
    eyes: Callable[..., Eyes], seen_inside: Inside, site: str, width: int, dark: bool
) -> None:
    look = eyes(width, dark=dark)
    page = look.page
    opened(page, seen_inside, site, BASE)
    faultless(look)
    opened(page, seen_inside, site, RU)
    letter = page.frame_locator("#frame iframe[data-shown]")
    expect(letter.locator("body")).to_contain_text("Вот обещанный вопрос")
    expect(page.locator(".letter-envelope")).to_contain_text("Ольга Лис")
    page.locator(".letter-pick summary").click()
    page.locator("#f-wanted").fill("ромаш")
    expect(page.locator(".letter-clients label")).to_have_count(2)
    page.locator(".letter-clients label", has_text="Ромашка").last.click()
    expect(page.locator("#example")).to_have_text("Ромашка")
    before = page.locator("#f-before")
    before.fill("{greeting}\n\n")
    page.locator('[data-insert="{client}"]').click()
    page.locator('[data-insert="{judged}"]').click()
    expect(before).to_have_value("{greeting}\n\n{client}{judged}")
    expect(letter.locator("body")).to_contain_text("Анна, здравствуйте!")
    expect(letter.locator("a.score")).to_have_count(11)
    before.fill("{greeting} {oops}")
    expect(page.locator("[data-part=trouble]")).to_contain_text("не знает, что такое {oops}")
    faultless(look)
    before.fill("{greeting}\n\nМы с «{client}» давно. {judged}")
    expect(letter.locator("body")).to_contain_text("Мы с «Ромашка» давно.")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.locator("#notices")).to_contain_text("Сохранено.")
    faultless(look)
    page.get_by_role("button", name="Вернуть стандартный").click()
    page.locator("#ask [data-yes]").click()
    expect(page.locator("#notices")).to_contain_text("Стандартный текст возвращён.")
    expect(letter.locator("body")).to_contain_text("Вот обещанный вопрос")
    faultless(look)


@pytest.mark.browser
def test_in_the_subject_only_facts_can_be_inserted(
    eyes: Callable[..., Eyes], seen_inside: Inside, site: str
) -> None:
    look = eyes()
    opened(look.page, seen_inside, site, RU)
    look.page.locator("#f-subject").focus()
    expect(look.page.locator('[data-insert="{judged}"]')).to_be_disabled()
    look.page.locator("#f-subject").fill("")
    look.page.locator('[data-insert="{agency}"]').click()
    expect(look.page.locator("#f-subject")).to_have_value("{agency}")
    expect(look.page.locator(".letter-subject")).to_have_text("Северный ветер")
    assert look.errors == []


@pytest.mark.browser
def test_without_script_everything_is_there_by_buttons(
    eyes: Callable[..., Eyes], seen_inside: Inside, site: str
) -> None:
    look = eyes(script=False)
    page = look.page
    page.set_content(
        f'<form method="post" action="{site}{RU}"><input name="session" value="{seen_inside.session()}">'
        "<button>go</button></form>"
    )
    page.get_by_role("button").click()
    page.get_by_role("button", name="Показать письмо").click()
    expect(page.frame_locator("#frame iframe").locator("a.score")).to_have_count(11)
    page.locator(".letter-pick summary").click()
    page.locator("#f-wanted").fill("Ромашка")
    page.get_by_role("button", name="Найти").click()
    page.locator(".letter-clients label", has_text="Ромашка").last.click()
    page.locator("#f-before").fill("{greeting} Пишем для {client}. {judged}")
    page.get_by_role("button", name="Показать письмо").click()
    expect(page.frame_locator("#frame iframe").locator("body")).to_contain_text("Пишем для Ромашка.")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.locator("#notices")).to_contain_text("Сохранено.")


@pytest.mark.browser
def test_on_a_slow_line_what_comes_late_takes_the_place_of_nothing_newer(
    eyes: Callable[..., Eyes], seen_inside: Inside, site: str
) -> None:
    """An older letter that comes after a newer one was asked for; a list that comes after somebody was chosen."""
    page = eyes().page
    opened(page, seen_inside, site, RU)
    late: list[Route] = []
    page.route(f"**{RU}/shown", lambda route: late.append(route))
    for number in (1, 2):
        page.locator("#f-after").fill(f"Спасибо {number}.")
        until_here(page, lambda count=number: len(late) == count, "the letter")
    letter = page.frame_locator("#frame iframe[data-shown]").locator("body")
    for number in (1, 2):
        late[number - 1].continue_()
        expect(letter).to_contain_text(f"Спасибо {number}.")
    page.route("**/letters/clients", lambda route: late.append(route))
    page.locator(".letter-pick summary").click()
    page.locator("#f-wanted").fill("вектор")
    until_here(page, lambda: len(late) == 3, "the search")
    page.unroute(f"**{RU}/shown")
    page.locator(".letter-clients label", has_text="Ромашка").click()
    late[2].continue_()
    expect(page.locator(".letter-clients label")).to_have_count(3)
    expect(page.get_by_role("radio", name="Ромашка")).to_be_checked()
    expect(page.locator("#example")).to_have_text("Ромашка")


@pytest.mark.browser
def test_typing_leaves_no_trail_behind_the_back_button(
    eyes: Callable[..., Eyes], seen_inside: Inside, site: str
) -> None:
    look = eyes()
    opened(look.page, seen_inside, site, RU)
    letter = look.page.frame_locator("#frame iframe[data-shown]")
    expect(letter.locator("a.score")).to_have_count(11)
    length = look.page.evaluate("history.length")
    for number in range(3):
        look.page.locator("#f-after").fill(f"Спасибо {number}.")
        expect(letter.locator("body")).to_contain_text(f"Спасибо {number}.")
    assert look.page.evaluate("history.length") == length
