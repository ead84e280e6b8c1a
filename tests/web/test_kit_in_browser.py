"""The shared parts in a real browser: reachable, readable, quiet, at any width, light and dark (product.md P1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Blueprint, Flask, Response, g, render_template_string, request
from playwright.sync_api import Page, expect

from integration import web
from tests.browser import until
from tests.web.conftest import Eyes, served

pytestmark = pytest.mark.browser

PAGE = """{% extends "app/layout.html" %}{% import "kit/parts.html" as kit with context %}
{% block title %}Probe{% endblock %}{% block heading %}Probe{% endblock %}
{% block main %}
{{ kit.problems(problems, {'name': 'Имя'}) }}
{% call kit.form('/app/probe', live='#found', url='/app/probe/live', delay=50, id='live') %}
{{ kit.text('q', 'Поиск') }}<button class="button" data-noscript>Обновить</button>
{% endcall %}<div id="found">пусто</div>
{% call kit.form('/app/probe', id='edit') %}
{{ kit.text('name', 'Имя', typed) }}
{{ kit.button('Удалить', name='do', value='drop', tone='danger', confirm='Удалить отправителя?') }}
{{ kit.save('Сохранить') }}
{% endcall %}
{{ kit.open('deal', 5, 'Сделка') }}
<p id="did">{{ did }}</p>
{% if polls %}<div data-poll="/app/probe/over" data-part="all" data-then="/app/probe"></div>
<script src="{{ asset('main.js') }}" defer></script>{% endif %}
{% endblock %}"""
NAV = [{"name": "main", "label": "Обзор", "path": "/app/probe", "current": True}]
BX24 = """
window.calls = [];
window.BX24 = {init: cb => cb(), fitWindow: () => calls.push('fit'), openPath: path => calls.push(path),
               scrollParentWindow: top => calls.push(top),
               getAuth: () => false, refreshAuth: cb => cb(false)};
"""
probe = Blueprint("probe", __name__)


def _probe(**values: object) -> Response:
    g.language = "ru"
    did = "/".join(request.form.getlist("do")) + " " + request.form.get("name", "")
    seconds = request.args.get("seconds", "900")
    return Response(
        render_template_string(
            PAGE, session="s-1", seconds_left=seconds, nav=NAV, did=did, viewer={"origin": "https://p.example"},
            **{"problems": {}, "typed": "", "polls": "polls" in request.args, **values},
        )
    )  # fmt: skip


@probe.get("/probe")
def _open() -> Response:
    problems = {"name": "Укажите имя."} if "wrong" in request.args else {}
    return _probe(problems=problems)


@probe.post("/app/probe")
def _saved() -> Response:
    return _probe(typed=request.form.get("name", ""))


@probe.post("/app/probe/live")
def _live() -> Response:
    assert request.headers["Authorization"] == "Bearer s-1"
    return Response(f"<p>нашлось: {request.form['q']!s}</p>")


@probe.post("/app/probe/over")
def _over() -> Response:
    return Response("<p data-done></p>")


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The gallery and a page of forms; neither needs a database."""
    app = Flask("integration.web", static_folder=None)
    web.register(app)
    app.register_blueprint(probe)
    yield from served(app)


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 375, 1280])
def test_the_gallery_is_accessible_and_never_scrolls_sideways(
    site: str, eyes: Callable[..., Eyes], width: int, theme: str
) -> None:
    """In the colours of the system here, beside each other in the other test."""
    seen = eyes(width, dark=theme == "dark")
    seen.page.goto(f"{site}/app/parts?theme={theme}&lang=ru")
    found = Axe().run(
        seen.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}
    )
    assert found.violations_count == 0, found.generate_report()
    assert fits(seen.page)
    assert seen.errors == []


def test_both_themes_stand_side_by_side_on_a_wide_screen(site: str, eyes: Callable[..., Eyes]) -> None:
    seen = eyes(2000)
    seen.page.goto(f"{site}/app/parts?lang=uk")
    colours = seen.page.evaluate(
        "[...document.querySelectorAll('[data-theme]')].map(one => getComputedStyle(one).backgroundColor)"
    )
    assert len(set(colours)) == 2
    tops = seen.page.evaluate("[...document.querySelectorAll('[data-theme]')].map(one => one.offsetTop)")
    assert tops[0] == tops[1]
    assert fits(seen.page)
    assert Axe().run(seen.page).violations_count == 0


@pytest.mark.parametrize("width", [320, 1280])
def test_what_can_be_pressed_is_large_enough(site: str, eyes: Callable[..., Eyes], width: int) -> None:
    seen = eyes(width)
    seen.page.goto(f"{site}/app/parts?theme=light&lang=ru")
    small = seen.page.evaluate(
        """[...document.querySelectorAll('button, input:not([type=hidden]), select, textarea, summary')]
           .filter(one => !one.closest('.switch, .option') && getComputedStyle(one).display !== 'inline')
           .map(one => [one.textContent.trim() || one.name, one.getBoundingClientRect()])
           .filter(([, box]) => box.width && (box.width < 24 || box.height < 24)).map(([name]) => name)"""
    )
    assert small == []


def test_motion_is_left_out_and_colours_may_be_forced(site: str, eyes: Callable[..., Eyes]) -> None:
    seen = eyes()
    seen.page.emulate_media(forced_colors="active", reduced_motion="reduce")
    seen.page.goto(f"{site}/app/parts?theme=light&lang=ru")
    assert seen.page.evaluate("document.getAnimations().length") == 0
    border = "getComputedStyle(document.querySelector('.panel')).borderTopWidth"
    assert seen.page.evaluate(border) == "1px"


def test_the_keyboard_reaches_everything_in_the_order_of_the_page(
    site: str, eyes: Callable[..., Eyes]
) -> None:
    seen = eyes()
    seen.page.goto(f"{site}/probe")
    reached = []
    for _ in range(6):
        seen.page.keyboard.press("Tab")
        reached.append(
            seen.page.evaluate("document.activeElement.textContent.trim() || document.activeElement.name")
        )
        ring = seen.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert ring == "solid", f"the focus is seen on {reached[-1]}"
    assert reached == ["Обзор", "q", "name", "Удалить", "Сохранить", "Сделка"]


def test_what_cannot_be_undone_is_asked_first(site: str, eyes: Callable[..., Eyes]) -> None:
    """Escape and Enter on the button that has the focus change nothing."""
    seen = eyes()
    seen.page.goto(f"{site}/probe")
    dialog, remove = seen.page.get_by_role("dialog"), seen.page.get_by_role("button", name="Удалить")
    for key in ("Escape", "Enter"):
        remove.click()
        expect(dialog).to_contain_text("Удалить отправителя?")
        expect(dialog.get_by_role("button", name="Отмена")).to_be_focused()
        seen.page.keyboard.press(key)
        expect(dialog).to_be_hidden()
        expect(remove).to_be_focused()
    remove.click()
    assert Axe().run(seen.page).violations_count == 0
    dialog.get_by_role("button", name="Да").click()
    expect(seen.page.locator("#did")).to_contain_text("save/drop")
    assert seen.errors == []


def test_leaving_with_unsaved_changes_is_asked(site: str, eyes: Callable[..., Eyes]) -> None:
    seen = eyes()
    seen.page.goto(f"{site}/probe")
    tab, dialog = seen.page.get_by_role("button", name="Обзор"), seen.page.get_by_role("dialog")
    undo = seen.page.get_by_role("button", name="Отменить изменения")
    expect(undo).to_be_hidden()
    seen.page.get_by_label("Имя").fill("Ада")
    expect(undo).to_be_visible()
    tab.click()
    expect(dialog).to_contain_text("несохранённые")
    seen.page.keyboard.press("Escape")
    undo.click()
    expect(seen.page.get_by_label("Имя")).to_have_value("")
    expect(undo).to_be_hidden()
    tab.click()
    expect(seen.page).to_have_url(f"{site}/app/probe")
    assert seen.errors == []


def test_enter_saves_a_form_and_without_script_it_does_so_too(site: str, eyes: Callable[..., Eyes]) -> None:
    for script in (True, False):
        seen = eyes(script=script)
        seen.page.goto(f"{site}/probe")
        seen.page.get_by_label("Имя").fill("Ада <b>x</b>")
        seen.page.get_by_role("button", name="Сохранить").press("Enter")
        expect(seen.page.locator("#did")).to_have_text("save Ада <b>x</b>")
        assert seen.errors == []


def test_a_live_part_follows_what_is_typed(site: str, eyes: Callable[..., Eyes]) -> None:
    seen = eyes()
    seen.page.goto(f"{site}/probe")
    expect(seen.page.get_by_role("button", name="Обновить")).to_be_hidden()
    found = seen.page.locator("#found")
    seen.page.get_by_label("Поиск").fill("ром")
    expect(found).to_have_text("нашлось: ром")
    expect(found).to_have_attribute("aria-live", "polite")
    seen.page.route("**/app/probe/live", lambda route: route.abort())
    seen.page.get_by_label("Поиск").fill("ромашка")
    expect(seen.page.get_by_role("alert")).to_contain_text("Нет связи")
    expect(found).to_have_text("нашлось: ром")
    expect(seen.page.get_by_label("Поиск")).to_have_value("ромашка")


def test_a_page_that_goes_on_by_itself_waits_for_the_button_that_was_pressed(
    site: str, eyes: Callable[..., Eyes]
) -> None:
    """On a slow line what was pressed is still on its way when a progress ends: it must not be called off."""
    seen = eyes()
    seen.page.clock.install()
    seen.page.goto(f"{site}/probe?polls=1")
    edit = seen.page.locator("#edit")
    edit.evaluate("form => { form.dataset.busy = '1'; }")
    with seen.page.expect_response("**/app/probe/over") as looked:
        seen.page.clock.run_for(3000)
    looked.value.finished()
    seen.page.clock.run_for(3000)
    expect(seen.page).to_have_url(f"{site}/probe?polls=1")
    edit.evaluate("form => { delete form.dataset.busy; }")
    seen.page.clock.run_for(3000)
    expect(seen.page).to_have_url(f"{site}/app/probe")


def test_without_script_the_button_for_the_live_part_is_there(site: str, eyes: Callable[..., Eyes]) -> None:
    seen = eyes(script=False)
    seen.page.goto(f"{site}/probe")
    expect(seen.page.get_by_role("button", name="Обновить")).to_be_visible()


def test_a_form_keeps_what_was_typed_when_the_session_cannot_be_renewed(
    site: str, eyes: Callable[..., Eyes]
) -> None:
    seen = eyes()
    seen.page.goto(f"{site}/probe?seconds=0")
    seen.page.get_by_label("Имя").fill("Долго писала")
    seen.page.get_by_role("button", name="Сохранить").click()
    expect(seen.page.get_by_role("alert")).to_contain_text("открыта слишком долго")
    expect(seen.page.get_by_label("Имя")).to_have_value("Долго писала")
    assert seen.page.url.endswith("/probe?seconds=0")


def test_a_page_that_could_not_be_saved_leads_to_the_place(site: str, eyes: Callable[..., Eyes]) -> None:
    seen = eyes()
    seen.page.goto(f"{site}/probe?wrong=1")
    expect(seen.page.get_by_role("alert")).to_be_focused()
    seen.page.get_by_role("link", name="Имя: Укажите имя.").click()
    expect(seen.page.get_by_label("Имя")).to_be_focused()


def test_the_portal_is_told_how_high_the_page_is_and_opens_its_own_cards(
    site: str, eyes: Callable[..., Eyes]
) -> None:
    seen = eyes()
    seen.page.add_init_script(BX24)
    seen.page.goto(f"{site}/probe")
    until(seen.page, "window.calls.includes('fit')")
    seen.page.evaluate("window.calls.length = 0; document.getElementById('found').style.height = '900px'")
    until(seen.page, "window.calls.includes('fit')")
    seen.page.get_by_role("link", name="Сделка").click()
    until(seen.page, "window.calls.includes('/crm/deal/details/5/')")
    assert seen.page.evaluate("window.calls.filter(one => one !== 'fit')") == ["/crm/deal/details/5/"]
    assert seen.page.url == f"{site}/probe"
    seen.page.get_by_role("button", name="Сохранить").click()
    expect(seen.page).to_have_url(f"{site}/app/probe")
    until(seen.page, "window.calls.includes(0)")
    assert seen.page.evaluate("window.calls[0]") == "fit", "the next page begins at its top"


def test_in_a_frame_higher_than_the_screen_a_question_stands_beside_its_button(
    site: str, eyes: Callable[..., Eyes]
) -> None:
    """The portal makes the frame as high as the page: the middle of the frame may be far out of sight."""
    seen = eyes()
    seen.page.set_viewport_size({"width": 1280, "height": 5000})
    seen.page.goto(f"{site}/probe")
    seen.page.evaluate("document.getElementById('found').style.height = '3800px'")
    remove, dialog = seen.page.get_by_role("button", name="Удалить"), seen.page.get_by_role("dialog")
    remove.click()
    expect(dialog).to_be_visible()
    there, asked = remove.bounding_box(), dialog.bounding_box()
    assert there is not None
    assert asked is not None
    assert abs(there["y"] - asked["y"]) < 300


def test_a_complaint_stands_where_people_look(site: str, eyes: Callable[..., Eyes]) -> None:
    seen = eyes()
    seen.page.goto(f"{site}/probe?seconds=0")
    seen.page.evaluate("document.getElementById('found').style.height = '3000px'")
    save = seen.page.get_by_role("button", name="Сохранить")
    save.click()
    expect(seen.page.get_by_role("alert")).to_be_visible()
    told, there = seen.page.get_by_role("alert").bounding_box(), save.bounding_box()
    assert told is not None
    assert there is not None
    assert abs(told["y"] - there["y"]) < 200
