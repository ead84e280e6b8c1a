"""The report of a survey as a page and as a file: what it says, to whom, and what never gets into a cell (N, P5)."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from flask.testing import FlaskClient
from playwright.sync_api import expect
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from integration.services import frames, workbooks
from integration.services.wave_export import SHEETS
from integration.services.workbooks import Sheet
from integration.store.base import Sessions, make_sessions
from integration.store.responses import Response
from integration.store.waves import WaveEvent
from tests.conftest import HandClock
from tests.services.report_world import Client, Told, beat, scores, tell, viewer
from tests.services.wave_world import DIRECTOR, HEAD, MANAGER, World, make_world
from tests.services.yearly_world import posted, two_years
from tests.web.conftest import Eyes, make_app
from tests.web.test_main_in_browser import _app as portal_app
from tests.web.test_main_in_browser import accessible, enter, fits, serve


@pytest.fixture
def world(one_engine: Engine, clock: HandClock) -> World:
    return make_world(make_sessions(one_engine), clock)


@pytest.fixture
def wide(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock)


def ask(
    world: World, told: Told, what: str = "report", user: int = HEAD, language: str = "en", **fields: str
) -> TestResponse:
    client: FlaskClient = make_app(world.deps).test_client()
    session = frames.seal(world.deps, viewer(world, user, language=language))
    return client.post(f"/app/wave/{told.wave}/{what}", data={"session": session, **fields})


def said(world: World, told: Told, **more: Any) -> str:
    answer = ask(world, told, **more)
    assert answer.status_code == 200
    return " ".join(answer.text.split())


def book(world: World, told: Told, **more: Any) -> dict[str, list[tuple[Any, ...]]]:
    answer = ask(world, told, "export", format="xlsx", **more)
    assert answer.status_code == 200
    found = openpyxl.load_workbook(io.BytesIO(answer.data))
    assert all(cell.data_type != "f" for sheet in found for row in sheet.iter_rows() for cell in row)
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in found}


def column(rows: list[tuple[Any, ...]], name: str) -> list[Any]:
    return [row[rows[0].index(name)] for row in rows[1:]]


# --- the page


def test_an_index_never_stands_without_what_it_rests_on(world: World) -> None:
    told = tell(
        world, "2026", [*scores([9] * 6 + [3] * 2 + [None] * 4), Client(30, reason="excluded_by_hand")]
    )
    page = said(world, told)
    for words in (
        "of 12 · 67",
        "of 13 on the list",
        "Taken off the list",
        "The survey is under way",
        "preliminary",
    ):
        assert words in page
    assert "Response rate" not in page  # nobody has an outcome for good while it runs


def test_a_final_result_has_its_corrections_beside_it(world: World) -> None:
    _, now = two_years(world, after=True)
    page = said(world, now)
    for words in (
        "Final since 15 February 2026", "With these corrections the NPS would be 38.2: +3.6 points", "4 → 9",
        "Клиент перезвонил", "11 points more than in 2025", "This may be chance.", "Response rate, RR1",
        "63 ÷ (63 + 2 + 0 + 4 + 0)", "35 % of the clients answered by another channel than in 2025.",
        "taken out by hand", "exact sign test p = 0.043", "&lt;script&gt;alert(1)&lt;/script&gt;",
    ):  # fmt: skip
        assert words in page, words
    assert "<script>alert(1)" not in page


def test_only_words_of_growth_that_the_numbers_bear(world: World) -> None:
    """A tone only with a change that is hardly chance (product.md N4)."""
    tell(world, "2025", scores([0] * 20 + [9] * 4), stage="closed", start=date(2025, 1, 6))
    told = tell(world, "2026", scores([10] * 24))
    assert '<p class="change good">167 points more than in 2025. Of 24 clients' in said(world, told)
    near = tell(world, "2027", scores([10] * 23 + [8]), start=date(2027, 1, 11))
    page = said(world, near)
    assert '<p class="change">4 points less than in 2026.' in page
    assert "This may be chance." in page


def test_before_the_first_answers_and_with_few_nothing_is_made_up(world: World) -> None:
    empty = tell(world, "2026", scores([None] * 3), stage="announced")
    page = said(world, empty)
    assert "No answers yet" in page
    assert "of 3 · 0" in page
    few = tell(world, "2027", scores([9, 3] + [None] * 20), start=date(2027, 1, 11))
    assert "The NPS is shown from 5 answers on" in said(world, few)
    assert "By account manager" not in said(world, few)


def test_small_groups_have_no_index_and_overlapping_ones_no_order(world: World) -> None:
    told = tell(world, "2026", [
        *scores([9] * 6, 1, manager=MANAGER, city="Казань"), *scores([0] * 6, 20, manager=77, city="Тверь"),
        *scores([10] * 2, 40, manager=78, city=""),
    ])  # fmt: skip
    page = said(world, told)
    assert "Below 5 answers no NPS is shown." in page
    assert "an order by NPS would mean nothing" not in page  # nine and nought do not overlap
    rows = page[page.index('aria-labelledby="branches"') : page.index('aria-labelledby="managers"')]
    assert rows.index("Казань") < rows.index("Тверь") < rows.index("not named")
    assert "too few" in rows


def test_others_see_their_own_clients_and_are_told_so(world: World) -> None:
    _, now = two_years(world, after=True)
    pages = {user: said(world, now, user=user) for user in (MANAGER, DIRECTOR, 404)}
    assert not any("Corrected since it is final" in page for page in pages.values())
    assert "Only the clients you see." in pages[MANAGER]
    assert "of 15 ·" in pages[MANAGER]
    for user in (DIRECTOR, 404):
        assert ("None of your clients is on the list of this survey." in pages[user]) == (user == 404)
    assert "Save the survey" not in pages[404]
    assert ask(world, now, "export", 404, format="csv").status_code == 403
    assert ask(world, now, "export", 404).status_code == 200  # nothing asked for: the page


def test_a_survey_that_is_none_has_neither_report_nor_file(world: World) -> None:
    for what in ("report", "export"):
        assert ask(world, Told(10**6), what).status_code == 404


# --- the file


def test_the_file_holds_the_whole_survey_and_its_taking_is_kept(wide: World) -> None:
    _, now = two_years(wide, after=True)
    found = book(wide, now)
    assert [name for name in found if "xtra" not in name] == [
        "Summary", "Clients", "People", "Letters", "Calls", "Yield of calls", "Not asked", "Who did what",
    ]  # fmt: skip
    clients, people, letters = found["Clients"], found["People"], found["Letters"]
    assert (len(clients) - 1, len(people) - 1, len(found["Not asked"]) - 1) == (60, 69, 9)
    assert sum(score is not None for score in column(clients, "Score")) == 55
    assert sum(column(clients, "Answers")) == 63
    assert column(clients, "Yearly revenue").count(100_000) == 12
    assert set(column(people, "Channel")) == {"by phone", "by e-mail", None}
    assert column(people, "Outcome").count("answered") == 63
    assert len(letters) - 1 == 69 * 2 + 21
    summary = {row[0]: row[1:] for row in found["Summary"]}
    assert summary["Times in this file"][0] == "Europe/Moscow"
    assert summary["NPS"][0] == pytest.approx(100 * (31 - 12) / 55)
    moment = next(at for at in column(people, "Answered") if at)
    assert isinstance(moment, datetime)
    at = {one.astimezone(ZoneInfo("Europe/Moscow")).replace(tzinfo=None) for one in moments(wide)}
    assert moment.replace(microsecond=0) in at
    last = wide.rows(WaveEvent)[-1]
    assert (last.what, last.who, last.detail) == ("exported", "Пётр Сом (1)", "xlsx")
    assert found["Who did what"][-1][1] == "results final"
    assert "saved as a file" in [row[1] for row in book(wide, now)["Who did what"]]


def moments(world: World) -> Iterator[datetime]:
    for row in world.rows(Response):
        yield row.answered_at


def test_no_text_of_a_client_becomes_a_formula_or_breaks_the_file(world: World) -> None:
    """In a workbook a text stays as it is and says that it is one; in a CSV it gets an apostrophe."""
    odd = [
        "=1+1",
        "+7 дней",
        "-минус",
        "@студия",
        "\tотступ",
        '"Рога & Копыта" <ООО>',
        "Кафе 🙂",
        "a\x0bb\ufffec",
    ]
    told = tell(world, "2026", [
        Client(n, (("", 9),), name=name, comment=f"={name}") for n, name in enumerate(odd, 1)
    ])  # fmt: skip
    posted(world, told, (1,), "invitation", world.clock.now())
    found = book(world, told)
    kept = [*odd[:-1], "abc"]
    assert sorted(column(found["Clients"], "Client")) == sorted(kept)
    assert sorted(column(found["People"], "Comment")) == sorted(f"={name}" for name in kept)
    assert column(found["Letters"], "Subject") == ["=Оцените нас 🙂"]
    raw = openpyxl.load_workbook(io.BytesIO(ask(world, told, "export", format="xlsx").data))
    guarded = [cell for row in raw["Clients"].iter_rows() for cell in row if cell.value == "=1+1"]
    assert [cell.quotePrefix for cell in guarded] == [True]
    csv = ask(world, told, "export", format="csv", sheet="clients").text
    assert "'=1+1" in csv
    assert '"""Рога & Копыта"" <ООО>"' in csv
    assert "\n=" not in csv


def test_everybody_saves_their_own_clients_and_the_trail_only_who_runs_it(world: World) -> None:
    _, now = two_years(world, after=True)
    mine = book(world, now, user=MANAGER)
    assert "Who did what" not in mine
    assert set(column(mine["Clients"], "Account manager")) == {"Иван Петров"}
    assert (len(mine["Clients"]) - 1, len(mine["People"]) - 1) == (15, 17)
    assert "Only the clients of whoever saved this file." in [row[2] for row in mine["Summary"]]
    assert ask(world, now, "export", MANAGER, format="csv", sheet="trail").status_code == 404
    assert ask(world, now, "export", HEAD, format="csv", sheet="trail").text.count("exported") == 0
    assert [row.detail for row in world.rows(WaveEvent, what="exported")] == ["xlsx", "csv: trail"]
    assert ask(world, now, "export", HEAD, format="csv", sheet="nothing").status_code in (400, 404, 422)


def test_without_the_package_tables_are_saved_one_by_one_in_the_viewer_s_language(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, now = two_years(world)
    for language in ("ru", "uk"):
        titles = list(book(world, now, language=language))
        assert len(set(titles)) == len(SHEETS)
        assert not {"Summary", "Clients", "People", "Letters", "Not asked"} & set(titles)
    monkeypatch.setattr(workbooks, "available", lambda: False)
    page = said(world, now)
    assert "This Molva saves no workbooks." in page
    assert "Save as XLSX" not in page
    assert ask(world, now, "export", format="xlsx").status_code == 404
    for sheet in SHEETS:
        assert f'value="{sheet}"' in page
        given = ask(world, now, "export", format="csv", sheet=sheet)
        assert given.status_code == 200
        assert given.headers["Content-Disposition"].endswith(f'-{sheet}.csv"')


def test_days_are_days_and_moments_moments() -> None:
    out, moment = io.BytesIO(), datetime.fromisoformat("2026-01-02T09:30")
    rows = [("When", "Day", "n"), (moment, date(2026, 1, 2), 3), (None, None, 10**9)]
    workbooks.write([Sheet("A" * 40, rows, (10, 12))], out)
    sheet = openpyxl.load_workbook(out).worksheets[0]
    assert sheet.title == "A" * 31
    assert [cell.number_format for cell in sheet[2]] == ["yyyy-mm-dd hh:mm", "yyyy-mm-dd", "General"]
    assert (sheet["A2"].value, sheet["C3"].value, sheet["A1"].font.bold) == (
        moment,
        10**9,
        True,
    )
    assert workbooks.storable("x" * 40_000) == "x" * 32_767


# --- in a browser


@pytest.mark.browser
def test_the_report_is_read_printed_and_saved_in_a_browser(world: World, eyes: Callable[..., Eyes]) -> None:
    _, now = two_years(world, after=True)
    beat(world)
    app = portal_app(world)
    app.extensions["probe"]["who"] = viewer(world, HEAD, language="ru")
    for site in serve(app):
        look = eyes(1280)
        page = enter(look, site, f"/app/wave/{now.wave}/report")
        accessible(page)
        page.locator("details summary").first.press("Enter")
        expect(page.locator(".tests")).to_be_visible()
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator("details:not([open])").count() == 0
        expect(page.locator(".files")).to_be_hidden()
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        page.emulate_media(media="screen")
        assert page.locator("details[open]").count() == 1
        page.set_viewport_size({"width": 375, "height": 800})
        fits(page)
        with page.expect_download() as taken:
            page.locator(".files button").first.click()
        book = openpyxl.load_workbook(io.BytesIO(taken.value.path().read_bytes()))
        assert book.worksheets[1].max_row == 61
        page.locator(".files select").select_option("people")
        with page.expect_download() as taken:
            page.locator(".files button").last.click()
        assert taken.value.suggested_filename.endswith("-people.csv")
        assert look.errors == []
    assert [row.detail for row in world.rows(WaveEvent, what="exported")] == ["xlsx", "csv: people"]
