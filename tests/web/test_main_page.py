"""The main page in each state, for every role, in every language; the progress of the set-up (product.md P1-P4)."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete

from integration.services import frames, health
from integration.services.frames import Viewer
from integration.store.base import transaction
from integration.store.chores import ChoreRow
from integration.store.portals import Portal
from integration.store.waves import Wave
from tests.services.report_world import LONG, MARKUP, tell, viewer
from tests.services.survey_world import World
from tests.services.wave_world import MANAGER
from tests.services.wave_world import World as Year
from tests.web import main_states
from tests.web.conftest import a_viewer, make_app
from tests.web.main_states import form, year

__all__ = ["year"]

FRAME = {"AUTH_ID": "a" * 40, "member_id": "m-1", "DOMAIN": "portal.example", "LANG": "en", "PROTOCOL": "1"}


def status(client: FlaskClient, world: World) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {frames.seal(world.deps, a_viewer(world))}"}
    found: dict[str, Any] = client.get("/bitrix/install/status", headers=headers).get_json()
    return found


def show(year: Year, who: Viewer, **more: str) -> str:
    """The main page as this person gets it."""
    answer = make_app(year.deps).test_client().post("/app/main", data=form(year, who, **more))
    assert answer.status_code == 200, answer.text
    assert "frame-ancestors 'self' https://portal.example" in answer.headers["Content-Security-Policy"]
    return answer.text


def words(html: str) -> str:
    """What stands on a page, without its tags."""
    body = html[html.index("<main") :]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


def test_the_signed_value_lives_a_quarter_of_an_hour(world: World) -> None:
    who = a_viewer(world)
    value = frames.seal(world.deps, who)
    world.clock.advance(minutes=15)
    assert frames.unseal(world.deps, value) == who
    world.clock.advance(seconds=1)
    assert frames.unseal(world.deps, value) is None


def test_a_value_for_another_use_or_a_portal_that_is_gone_opens_nothing(world: World) -> None:
    other = world.deps.signer.sign("survey", {"portal_id": world.portal.id}, world.clock.now())
    short = world.deps.signer.sign(frames.PURPOSE, {"portal_id": world.portal.id}, world.clock.now())
    gone = frames.seal(world.deps, a_viewer(world, portal_id=world.portal.id + 1))
    assert [frames.unseal(world.deps, text) for text in (other, short, gone, "", "x.y.z")] == [None] * 5


@pytest.mark.parametrize("language", ["ru", "uk", "en"])
@pytest.mark.parametrize("name", sorted(main_states.MAIN))
def test_every_state_is_a_whole_page_in_every_language(year: Year, name: str, language: str) -> None:
    """No error, no missing place, one heading, and no words of another language."""
    who = replace(main_states.MAIN[name](year), language=language)
    page = show(year, who)
    assert f'<html lang="{language}"' in page
    assert page.count("<h1") == 1
    assert not re.search(r"\{[a-z_]+\}|None|Undefined", words(page))
    said = words(page).replace(MARKUP, "").replace(LONG, "")
    if language == "en":
        assert not re.search(
            r"[ыэъёіїєґ]", re.sub(r"«[^»]*»|“[^”]*”|Клиент \d+|Анна [^ ]+|[А-Я][а-я]+ [А-Я][а-я]+", "", said)
        )
    if language == "uk":
        assert not re.search(r"оценк|опрос|клиент[ыа]|письм", said)


def test_the_entry_shows_the_same_page(year: Year, monkeypatch: pytest.MonkeyPatch) -> None:
    who = main_states.full(year)
    monkeypatch.setattr(frames, "open_frame", lambda _deps, _frame: who)
    answer = make_app(year.deps).test_client().post("/bitrix/app", data=FRAME)
    assert answer.status_code == 200
    assert words(answer.text) == words(show(year, who))


def test_names_and_words_with_markup_are_shown_as_they_are(year: Year) -> None:
    page = show(year, main_states.full(year))
    assert MARKUP not in page
    assert MARKUP in words(page)
    assert "<script>alert" not in page
    assert LONG in words(page)


def test_the_index_stands_with_all_it_rests_on(year: Year) -> None:
    """39 of 49 clients: 21 promoters, 9 detractors; 6 more may think anything (product.md N1 to N4, E7)."""
    said = words(show(year, replace(main_states.full(year), language="en")))
    for piece in (
        "NPS of the survey 2026", "preliminary", " 31 ", "24 points more than in 2025.",
        "Of 33 clients who answered both times, 18 rose and 0 fell. This is hardly chance.",
        "lies between 19 and 42", "cannot be below 4 or above 45", "Promoters 21 54 %", "Detractors 9 23 %",
        "Clients answered 39 of 49 · 80 %", "People answered 39 of 49 · 80 %", "Taken off the list 1 of 57 on the list",
        "Their revenue 80 %", "9 still silent · 1 to be confirmed", "Over the years", "2024",
    ):  # fmt: skip
        assert piece in said, piece


def test_of_an_imported_survey_no_page_claims_to_know_who_was_asked(year: Year) -> None:
    main_states.full(year)
    year.set(Wave, year.wave().id, stage="cancelled")
    with transaction(year.deps.sessions) as session:
        session.execute(delete(Wave).where(Wave.name == "2025"))
    page = show(year, viewer(year, language="en"))
    said = words(page)
    for piece in ("NPS of the survey 2024", "Clients answered 30 how many were asked is not known",
                  "How many clients were asked is not known."):  # fmt: skip
        assert piece in said, piece
    for piece in ("People answered", "Taken off the list", "Their revenue", "Every client asked", "cannot be below",
                  "To be asked", "100 %"):  # fmt: skip
        assert piece not in said, piece


def test_the_first_steps_go_on_where_they_stand_and_end_with_an_approved_survey(year: Year) -> None:
    who = replace(main_states.installed(year), language="en")
    year.set(Portal, year.portal_id, first_run_at=None, first_run={})
    page = show(year, who)
    assert "Four steps, and Molva is yours" in words(page)
    assert 'formaction="/app/start/senders"' in page
    year.set(Portal, year.portal_id, first_run={"senders": "done", "clients": "done"})
    page = show(year, who)
    assert "2 of 4 first steps are done" in words(page)
    assert 'formaction="/app/start/calendar"' in page
    tell(year, "2026", [], stage="announced")
    assert "/app/start/" not in show(year, who)


def test_a_draft_with_its_list_waits_for_approval(year: Year) -> None:
    who = replace(main_states.planned(year), language="en")
    assert [row.stage for row in year.rows(Wave)] == ["rehearsed"]
    assert "waits for approval" in words(show(year, who))


def test_everything_to_decide_has_one_button_that_leads_where_it_is_settled(year: Year) -> None:
    page = show(year, replace(main_states.full(year), language="en"))
    said = words(page)
    for piece in ("1 letter may have left, or may not", "2 letters could not be sent", "3 entries have not reached",
                  "1 answer waits for confirmation", "2 tasks are overdue, 2 more are due within a week",
                  "overdue by 4 days", "overdue by 1 day", "The task is being made"):  # fmt: skip
        assert piece in said, piece
    assert page.count('formaction="/app/settings/outbox"') == 3
    assert f'formaction="/app/wave/{year.wave().id}"' in page
    assert "/company/personal/user/0/tasks/task/view/901/" in page
    assert "/crm/company/details/1/" in page


def test_the_head_is_told_who_can_settle_what_needs_an_administrator(year: Year) -> None:
    page = show(year, replace(main_states.head(year), language="en"))
    assert "/app/settings/" not in page
    assert words(page).count("An administrator can settle it.") == 3


def test_a_manager_gets_numbers_of_own_clients_and_nothing_of_the_plant(year: Year) -> None:
    main_states.full(year)
    page = show(year, viewer(year, MANAGER, language="en"))
    said = words(page)
    assert "Your own clients." in said
    assert "letters could not be sent" not in said
    assert "waits for confirmation" not in said
    assert "overdue by 4 days" in said


def test_somebody_without_clients_gets_no_number_and_no_name(year: Year) -> None:
    said = words(show(year, replace(main_states.strange(year), language="en")))
    assert "No answers yet" in said
    for name in ("Клиент", "Рога", "Общество", "Анна"):
        assert name not in said


def test_below_five_answers_there_is_a_sentence_instead_of_an_index(year: Year) -> None:
    said = words(show(year, replace(main_states.few(year), language="en")))
    assert (
        "2 answers so far. The NPS is shown from 5 answers on: fewer say nothing about all clients." in said
    )
    assert "lies between" not in said
    assert "Nothing needs you today" in said


EMPTY = [
    ("installed", "Four steps, and Molva is yours"),
    ("installed", "Molva plans it on 19 January 2026"),
    ("nothing_planned", "Surveys are not planned by themselves at the moment."),
    ("drafted", "The question leaves on 2 March 2026, if the survey has been approved by then."),
    ("drafted", "Look through the survey 2026"),
    ("planned", "Approve the survey 2026"),
    ("mistaken", "The rehearsal found"),
    ("announced", "The question leaves on 19 January 2026. From then on the NPS appears here."),
    ("paused", "The survey 2026 is paused"),
    ("closed", "preliminary until"),
]


@pytest.mark.parametrize(("name", "piece"), EMPTY)
def test_each_state_says_what_comes_next(year: Year, name: str, piece: str) -> None:
    who = replace(main_states.MAIN[name](year), language="en")
    assert piece in words(show(year, who))


def test_the_days_are_marked_as_past_next_and_to_come(year: Year) -> None:
    page = show(year, replace(main_states.full(year), language="en"))
    assert [page.count(f'<li class="{state}"') for state in ("past", "next", "later")] == [3, 1, 2]
    for words_ in ("22 December 2025", "Announcement letter", "21 January 2026", "Results become final"):
        assert words_ in page


def test_the_first_reading_shows_its_progress_and_a_way_to_look_again(year: Year) -> None:
    who = replace(main_states.reading(year), language="en")
    said = words(show(year, who))
    assert "Your clients and deals are being read" in said
    assert "Look again" in said
    part = make_app(year.deps).test_client().post("/app/main", data=form(year, who, part="progress")).text
    assert "<html" not in part
    assert "data-done" not in part
    year.set(Portal, year.portal_id, synced_at=year.clock.now())
    part = make_app(year.deps).test_client().post("/app/main", data=form(year, who, part="progress")).text
    assert "data-done" in part


def test_callers_are_told_that_the_desk_opens_with_the_calls(year: Year) -> None:
    main_states.full(year)
    year.policy(callers=[MANAGER])
    answer = (
        make_app(year.deps)
        .test_client()
        .post("/app/main", data=form(year, viewer(year, MANAGER, language="en")))
    )
    assert answer.status_code == 403
    assert "Your work is at the call desk" in answer.text
    assert "Клиент" not in answer.text


def test_the_document_with_its_assets_is_light(year: Year) -> None:
    """At most 150 KB in all, without the portal's own script."""
    client = make_app(year.deps).test_client()
    who = main_states.full(year)
    page = show(year, who)
    assets = re.findall(r'(?:href|src)="(/assets/[^"]+)"', page)
    weight = len(page.encode()) + sum(len(client.get(address).data) for address in assets)
    assert 20_000 < weight < 150_000


def test_a_set_up_that_was_given_up_says_what_to_do(client: FlaskClient, world: World) -> None:
    world.set(Portal, world.portal.id, setup_at=None, synced_at=None)
    with transaction(world.deps.sessions) as session:
        session.add(ChoreRow(portal_id=world.portal.id, lane="setup", name="setup", due_at=world.clock.now(),
                             created_at=world.clock.now(), status="buried"))  # fmt: skip
    found = status(client, world)
    assert (found["heading"], found["ready"]) == ("Molva could not be set up", False)
    assert "Open the application again" in found["notice"]
    assert [step["state"] for step in found["steps"]] == ["done", "failed", "failed", "failed", "waiting"]


HELD_BACK = [
    ({"status": "suspended"}, "does not answer applications"),
    ({"problem": "setup:ONTASKADD:denied"}, "ONTASKADD:denied"),
]


@pytest.mark.parametrize(("changes", "words"), HELD_BACK)
def test_what_holds_the_set_up_back_is_said(
    client: FlaskClient, world: World, changes: dict[str, str], words: str
) -> None:
    health.heartbeat(world.deps, "w")
    world.set(Portal, world.portal.id, synced_at=None, **changes)
    assert words in status(client, world)["notice"]


def test_a_finished_set_up_is_settled(client: FlaskClient, world: World) -> None:
    found = status(client, world)
    assert (found["ready"], found["settled"], found["percent"], found["notice"]) == (True, True, 100, "")
    assert found["counts"] == {"companies": "2", "contacts": "1", "deals": "2"}
