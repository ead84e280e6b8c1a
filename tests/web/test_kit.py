"""The shared parts of the pages inside the portal: forms, moving about, words and numbers (product.md P1, P6)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape

import pytest
from flask import Flask, g, render_template_string
from flask.testing import FlaskClient

from integration.web import pages
from integration.web.parts import MARKUP
from tests.services.survey_world import World
from tests.web.conftest import make_app

KIT = '{% import "kit/parts.html" as kit with context %}'


@pytest.fixture
def app(one_world: World) -> Flask:
    return make_app(one_world.deps)


def drawn(app: Flask, source: str, language: str = "ru", **values: object) -> str:
    """A part as it stands in a page."""
    with app.test_request_context("/app/x"):
        g.language = language
        return render_template_string(KIT + source, **{"session": "s-1", **values})


def test_the_gallery_shows_every_part_that_there_is(one_client: FlaskClient, app: Flask) -> None:
    with app.app_context():
        source = app.jinja_env.loader.get_source(app.jinja_env, "kit/parts.html")[0]  # type: ignore[union-attr]
        gallery = app.jinja_env.loader.get_source(app.jinja_env, "app/parts.html")[0]  # type: ignore[union-attr]
    parts = set(re.findall(r"{% macro (\w+)", source))
    inner = {"carried", "words", "about", "told", "options_of", "group_name", "icon"}
    assert {part for part in parts - inner if f"kit.{part}(" not in gallery} == set()
    answer = one_client.get("/app/parts")
    assert answer.status_code == 200
    assert answer.text.count("data-theme=") == 2


def test_no_name_of_a_client_becomes_markup(one_client: FlaskClient) -> None:
    body = one_client.get("/app/parts").text
    assert MARKUP in unescape(body)
    assert "<b>x</b>" not in body
    assert "<script>" not in body
    assert " style=" not in body
    assert not re.search(r"\son\w+=", body)


def test_a_button_to_another_page_posts_the_session_and_names_nothing_in_the_address(app: Flask) -> None:
    plain = drawn(app, "{{ kit.go('/app/main', 'Обзор', current=true) }}")
    assert 'form="nav" formaction="/app/main" aria-current="page"' in plain
    one = drawn(app, "{{ kit.go('/app/main', 'Дальше', fields={'page': 2}) }}")
    assert 'name="page" value="2"' in one
    two = drawn(app, "{{ kit.go('/app/main', 'Дальше', fields={'page': 2, 'q': 'x\"y'}) }}")
    assert '<input type="hidden" name="session" value="s-1">' in two
    assert '<input type="hidden" name="q" value="x&#34;y">' in two
    assert "s-1" not in plain


def test_a_form_posts_the_session_what_to_do_and_the_version_it_rests_on(app: Flask) -> None:
    body = drawn(app, "{% call kit.form('/app/x', version=0) %}<p>in</p>{% endcall %}")
    for name, value in (("session", "s-1"), ("do", "save"), ("version", "0")):
        assert f'<input type="hidden" name="{name}" value="{value}">' in body
    assert 'name="version"' not in drawn(app, "{% call kit.form('/app/x') %}{% endcall %}")
    live = drawn(app, "{% call kit.form('/app/x', do='', live='#count') %}{% endcall %}")
    assert 'data-live="#count" data-delay="400" data-url="/app/x"' in live
    assert 'name="do"' not in live


FIELDS = [
    "kit.text('a', 'Label', problem=['Wrong.', 'Twice.'], hint='Hint')",
    "kit.number('a', 'Label', 3, problem='Wrong. Twice.', hint='Hint')",
    "kit.date('a', 'Label', none, problem='Wrong. Twice.', hint='Hint')",
    "kit.select('a', 'Label', [['1', 'One']], '1', problem='Wrong. Twice.', hint='Hint')",
    "kit.area('a', 'Label', none, problem='Wrong. Twice.', hint='Hint')",
    "kit.switch('a', 'Label', true, problem='Wrong. Twice.', hint='Hint')",
]


@pytest.mark.parametrize("part", FIELDS)
def test_a_field_is_named_and_its_problem_is_read_out_with_it(app: Flask, part: str) -> None:
    body = drawn(app, "{{ " + part + " }}")
    assert "Wrong. Twice." in body
    assert 'aria-describedby="f-a-problem f-a-hint"' in body
    assert 'aria-invalid="true"' in body
    assert 'id="f-a-problem"' in body
    assert 'id="f-a-hint"' in body
    assert "None" not in body
    assert 'for="f-a"' in body or "<label class=" in body
    sound = drawn(app, "{{ " + re.sub(r", problem=.*", ")", part) + " }}")
    assert "aria-invalid" not in sound
    assert "aria-describedby" not in sound


def test_choices_keep_their_state_whatever_type_the_values_have(app: Flask) -> None:
    checks = drawn(app, "{{ kit.checks('c', 'L', [[1, 'one'], ['2', 'two'], [3, 'three']], ['1', 3]) }}")
    assert [bool(found) for found in re.findall(r'value="\d"( checked)?>', checks)] == [True, False, True]
    radios = drawn(app, "{{ kit.radios('r', 'L', [[1, 'one'], [2, 'two']], 2) }}")
    assert [bool(found) for found in re.findall(r'value="\d"( checked)?>', radios)] == [False, True]
    select = drawn(app, "{{ kit.select('s', 'L', [['', '-'], [2, 'two']], '2') }}")
    assert '<option value="2" selected>' in select
    assert '<option value="">' in select


def test_a_distribution_can_be_read_as_a_table(app: Flask) -> None:
    body = drawn(app, "{{ kit.distribution([1, 0, 0, 0, 0, 0, 2, 3, 0, 4, 1500]) }}")
    rows = dict(re.findall(r'<th scope="row">(\d+)</th><td>([^<]+)</td>', body))
    assert rows["0"] == "1"
    assert rows["10"] == "1\xa0500"
    assert len(rows) == 11
    assert "<b>1\xa0504</b>" in body
    assert 'height="100.0"' in body
    assert 'height="0.0"' in drawn(app, "{{ kit.distribution([0] * 11) }}")


def test_an_interval_says_in_words_what_it_draws(app: Flask) -> None:
    body = drawn(app, "{{ kit.interval(19.6893, 29.03, 37.77, [0, 45]) }}", "en")
    assert "NPS 29, with 95 % certainty between 20 and 38; it cannot lie below 0 or above 45" in body
    assert "cannot lie" not in drawn(app, "{{ kit.interval(1, 2, 3) }}", "en")


def test_a_link_to_a_card_works_with_and_without_the_portals_script(app: Flask) -> None:
    viewer = {"origin": "https://portal.example"}
    paths = {
        "deal": "/crm/deal/details/5/",
        "user": "/company/personal/user/5/",
        "task": "/company/personal/user/0/tasks/task/view/5/",
    }
    for kind, path in paths.items():
        body = drawn(app, "{{ kit.open(kind, 5, name) }}", kind=kind, viewer=viewer, name=MARKUP)
        assert f'href="https://portal.example{path}" target="_top" data-open="{path}"' in body
        assert "<b>" not in body


@pytest.mark.parametrize(
    ("language", "money", "number", "moment"),
    [
        ("ru", "1\xa0250\xa0000\xa0₽", "1\xa0234,5", "22.11.2026, 12:30"),
        ("uk", "1\xa0250\xa0000\xa0₴", "1\xa0234,5", "22.11.26, 12:30"),
        ("en", "£1,250,000", "1,234.5", "22/11/2026, 12:30"),
    ],
)
def test_numbers_money_and_moments_are_written_as_the_language_does(
    app: Flask, language: str, money: str, number: str, moment: str
) -> None:
    currency = {"ru": "RUB", "uk": "UAH", "en": "GBP"}[language]
    with app.test_request_context("/"):
        g.language, g.time_zone = language, "Europe/Moscow"
        assert pages.money_text(Decimal("1250000.40"), currency) == money
        assert pages.number_text(1234.5, 1) == number
        assert pages.moment_text(datetime(2026, 11, 22, 9, 30, tzinfo=UTC)) == moment


def test_a_day_of_a_moment_is_that_of_the_portal(app: Flask) -> None:
    late = datetime(2026, 11, 22, 21, 30, tzinfo=UTC)
    with app.test_request_context("/"):
        g.language, g.time_zone = "en", "Europe/Moscow"
        assert pages.day_text(late) == "23 November 2026"
        assert pages.day_text(date(2026, 11, 22)) == "22 November 2026"
        g.time_zone = "Nowhere/At all"
        assert pages.day_text(late) == "22 November 2026"
        assert (pages.day_text(None), pages.moment_text(None)) == ("", "")
        assert [pages.number_text(None), pages.money_text(None), pages.share_text(None)] == ["—"] * 3
        assert pages.share_text(0.331, 1) == "33.1\xa0%"
        assert pages.money_text(5, "XYZ") == "5\xa0XYZ"


def test_the_kit_stays_light() -> None:
    """Five pages' worth of parts in less than a photograph (product.md P1)."""
    sizes = {
        name: (pages.STATIC / name).stat().st_size for name in ("base.css", "kit.css", "kit.js", "install.js")
    }
    assert sizes["kit.css"] <= 36_000
    assert sizes["kit.js"] <= 20_000
    assert sum(sizes.values()) <= 60_000
