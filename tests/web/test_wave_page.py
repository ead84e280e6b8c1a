"""The page of a survey: what it shows to whom in every state and language, and what its buttons do (W, E7)."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete
from werkzeug.test import TestResponse

from integration.services import rehearsals, waves
from integration.services.frames import Viewer
from integration.store.base import transaction
from integration.store.chores import ChoreRow
from integration.store.responses import Response
from integration.store.waves import Invitation, WaveClient
from integration.web import wave_list_words
from tests.conftest import a_portal
from tests.services.report_world import LONG, MARKUP, Client, beat, hire, scores, tell, viewer
from tests.services.wave_world import DIRECTOR, HEAD, MANAGER, World
from tests.web import main_states
from tests.web.conftest import make_app
from tests.web.main_states import form, year
from tests.web.test_main_page import words

__all__ = ["year"]


def post(world: World, who: Viewer, wave_id: int | None = None, **fields: Any) -> TestResponse:
    """What a form of the page posts."""
    path = f"/app/wave/{wave_id or world.wave().id}"
    return make_app(world.deps).test_client().post(path, data={**form(world, who), **fields})


def show(world: World, who: Viewer, **fields: Any) -> str:
    answer = post(world, who, **fields)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize("language", ["ru", "uk", "en"])
@pytest.mark.parametrize("name", sorted(main_states.WAVE))
def test_every_state_is_a_whole_page_in_every_language(year: World, name: str, language: str) -> None:
    page = show(year, replace(main_states.WAVE[name](year), language=language))
    assert f'<html lang="{language}"' in page
    assert page.count("<h1") == 1
    assert not re.search(r"\{[a-z_]+\}|None|Undefined", words(page))


def test_the_console_sums_the_rehearsal_up_and_leads_to_all_of_it(year: World) -> None:
    page = show(year, replace(main_states.planned(year), language="en"))
    said = words(page)
    for piece in (
        "Rehearsed on", "Clients asked 7 of 10 on the list", "Approve: announce on 16 February 2026",
        "Look through the rehearsal", "Who is not asked, and why", "Клиент 22", "not asked yet",
    ):  # fmt: skip
        assert piece in said, piece
    assert f'formaction="/app/wave/{year.wave().id}/rehearsal"' in page
    assert f'formaction="/app/wave/{year.wave().id}?standing=too_new"' in page
    assert MARKUP not in page
    assert LONG in said
    assert page.count('type="checkbox"') == 7


def test_a_rehearsal_with_mistakes_offers_no_approval_and_posting_it_changes_nothing(year: World) -> None:
    who = replace(main_states.mistaken(year), language="en")
    page = show(year, who)
    assert 'value="approve"' not in page
    assert "It cannot be approved yet." in words(page)
    answer = post(year, who, do="approve")
    assert answer.status_code == 422
    assert "The rehearsal still finds mistakes." in words(answer.text)
    assert year.wave().approved_by == ""


def test_the_list_is_made_by_the_worker_while_the_page_shows_how_far_it_is(year: World) -> None:
    who = replace(main_states.drafted(year), language="en")
    year.client(2)
    assert "Make the list and rehearse" in words(show(year, who))
    wave_id = year.wave().id
    ordered = show(year, who, do="rehearse")
    assert "The list is being made." in words(ordered)
    assert f'data-poll="/app/wave/{wave_id}"' in ordered, "the page waits for a worker that has not begun yet"
    cursor = next(row for row in year.rows(ChoreRow) if row.name == f"rehearse:{wave_id}").cursor
    waves.freeze(year.deps, year.portal_id, wave_id, steps=1)
    page = show(year, who)
    assert f'data-poll="/app/wave/{wave_id}"' in page
    assert 'value="approve"' not in page
    part = post(year, who, part="making").text
    assert "<html" not in part
    assert "1 client looked at so far" in words(f"<main{part}")
    assert "data-done" not in part
    while rehearsals.run(year.deps, year.portal_id, cursor).due_at is not None:
        pass
    with transaction(year.deps.sessions) as session:
        session.execute(delete(ChoreRow))
    assert "data-done" in post(year, who, part="making").text
    assert 'value="approve"' in show(year, who)


def test_a_list_that_was_given_up_can_be_tried_again(year: World) -> None:
    who = replace(main_states.drafted(year), language="en")
    name = f"freeze:{year.wave().id}"
    with transaction(year.deps.sessions) as session:
        session.add(ChoreRow(portal_id=year.portal_id, lane=name, name=name, status="buried",
                             due_at=year.clock.now(), created_at=year.clock.now()))  # fmt: skip
    said = words(show(year, who))
    assert "It did not work." in said
    assert "Try again" in said


def test_approving_pausing_resuming_and_cancelling_by_button(year: World) -> None:
    who = replace(main_states.planned(year), language="en")
    assert 'name="announce" value="2026-02-16"' in show(year, who)
    stale = post(year, who, do="approve", announce="2026-02-09")  # somebody has moved the days since
    assert (stale.status_code, year.wave().approved_by) == (422, "")
    assert "changed the dates meanwhile" in words(stale.text)
    assert "The survey is approved." in words(show(year, who, do="approve", announce="2026-02-16"))
    assert year.wave().approved_by == f"Пётр Сом ({HEAD})"
    assert post(year, who, do="approve").status_code == 422
    assert "The survey is paused." in words(show(year, who, do="pause", why="авария"))
    assert "The survey goes on." in words(show(year, who, do="resume"))
    refused = post(year, who, do="cancel")
    assert (refused.status_code, year.wave().stage) == (422, "rehearsed")
    assert "Please say why" in words(refused.text)
    assert "The survey is cancelled." in words(show(year, who, do="cancel", why="не время"))
    said = words(show(year, who))
    for piece in ("cancelled: не время", "paused: авария", "Пётр Сом"):
        assert piece in said, piece
    assert year.wave().stage == "cancelled"


def test_clients_are_taken_out_with_a_reason_and_what_was_ticked_stays_on_a_mistake(year: World) -> None:
    who = replace(main_states.full(year), language="en")
    lines = {row.client_id: row.id for row in year.rows(WaveClient, wave_id=year.wave().id, reason="")}
    told = {row.invitation_id for row in year.rows(Response, status="counted")}
    heard = {row.wave_client_id for row in year.rows(Invitation) if row.id in told}
    silent = [str(line) for line in lines.values() if line not in heard]
    answered = next(str(line) for line in lines.values() if line in heard)
    chosen = silent[:2]
    answer = post(year, who, do="exclude", lines=chosen, standing="asked", page="1")
    assert answer.status_code == 422
    for line in chosen:
        assert re.search(rf'value="{line}"[^>]* checked', answer.text)
    assert "Tick the clients" in words(post(year, who, do="exclude", why="спор").text)
    page = show(year, who, do="exclude", lines=chosen, why="спор", standing="excluded_by_hand", page="1")
    assert "Taken off the list." in words(page)
    assert words(page).count(f"Пётр Сом ({HEAD}): спор") == 2
    assert '<option value="excluded_by_hand" selected' in page
    said = words(show(year, who, do="exclude", lines=[silent[2], answered], why="спор"))
    assert "except for those who cannot be" in said
    refused = post(year, who, do="exclude", lines=[answered], why="спор")
    assert (refused.status_code, "This client has answered" in words(refused.text)) == (422, True)
    path, pages = f"/app/wave/{year.wave().id}/client", make_app(year.deps).test_client()
    for line, offered in ((answered, False), (silent[3], True)):  # nothing is offered that would be refused
        page = pages.post(f"{path}/{line}", data=form(year, who)).text
        assert ("Take off the list" in page, "This client has answered" in page) == (offered, not offered)


def test_held_answers_are_confirmed_or_left_out_on_the_page(year: World) -> None:
    beat(year)
    told = tell(year, "2026", [Client(n, (("", 9),), held=True, manager=99, comment=MARKUP) for n in (1, 2)])
    who = viewer(year, language="en")
    page = show(year, who)
    assert MARKUP not in page
    assert f"“{MARKUP}”" in words(page)
    first, second = told.responses[1][0], told.responses[2][0]
    assert "The answer counts now." in words(show(year, who, do="confirm", response=first, seen=1))
    assert "The answer stays out." in words(show(year, who, do="reject", response=second, seen=1))
    again = post(year, who, do="confirm", response=second, seen=1)
    assert (again.status_code, "settled this answer already" in words(again.text)) == (422, True)
    assert {row.id: row.status for row in year.rows(Response)} == {first: "counted", second: "rejected"}


def test_a_manager_and_a_director_read_their_clients_and_can_decide_nothing(year: World) -> None:
    main_states.full(year)
    for user_id in (DIRECTOR, MANAGER):
        who = viewer(year, user_id, language="en")
        page = show(year, who)
        assert 'name="do"' not in page
        assert "Who did what" not in page
        answer = post(year, who, do="cancel", why="x")
        assert answer.status_code == 403
        assert "Somebody else decides about the survey" in answer.text
    said = words(show(year, viewer(year, 404, language="en")))
    assert "Клиент" not in said
    assert "Анна" not in said
    assert "No client of yours is on the list of this survey." in said
    assert year.wave().stage == "reminders"


def test_the_owner_of_the_waves_runs_them_without_being_an_administrator(year: World) -> None:
    hire(year, 55)
    year.policy(wave_owner=55)
    main_states.full(year)
    page = show(year, viewer(year, 55, language="en"))
    assert 'value="pause"' in page
    assert (
        'class="score' not in page[page.index('id="list"') :]
    )  # standing of everybody, scores of own clients only
    assert "/app/settings/" not in page


def test_another_portal_s_survey_does_not_exist_here(year: World) -> None:
    main_states.full(year)
    mine = year.wave().id
    with transaction(year.deps.sessions) as session:
        other = a_portal(member_id="other")
        session.add(other)
        session.flush()
        stranger = replace(viewer(year, administrator=True, language="en"), portal_id=other.id)
    for fields in ({}, {"do": "cancel", "why": "x"}, {"part": "making"}):
        answer = post(year, stranger, mine, **fields)
        assert answer.status_code == 404
        assert "There is no such survey" in answer.text
        assert "Клиент" not in answer.text
    assert year.wave().stage == "reminders"


BROKEN = [
    {"page": "x"}, {"page": "0"}, {"standing": "nonsense"}, {"lines": ["x"], "do": "exclude"},
    {"response": "-1", "do": "confirm"}, {"do": "x" * 100},
]  # fmt: skip


@pytest.mark.parametrize("fields", BROKEN)
def test_what_no_form_of_ours_posts_is_refused(year: World, fields: dict[str, Any]) -> None:
    tell(year, "2026", scores([9]))
    assert post(year, viewer(year), **fields).status_code == 400


def test_ten_thousand_clients_are_paged_fast_and_the_filter_stays(year: World) -> None:
    who = replace(main_states.large(year), language="en")
    page = show(year, who, standing="too_new", page="133")
    assert "Page 133 of 134" in words(page)
    assert f'action="/app/wave/{year.wave().id}?standing=too_new&amp;page=133"' in page
    assert page.count("<tr>") == 51
    assert len(page.encode()) < 100_000
    client = make_app(year.deps).test_client()
    took = []
    for number in range(3):
        began = time.process_time()
        client.post(f"/app/wave/{year.wave().id}", data=form(year, who, page=str(190 + number)))
        took.append(time.process_time() - began)
    assert min(took) < 1.0  # some 40 ms on a quiet machine


@pytest.mark.parametrize("stage", ["announced", "calling", "mailing", "reminders", "closing", "closed"])
def test_a_stage_that_the_survey_enters_has_words_in_the_audit_trail(stage: str) -> None:
    assert f"stage:{stage}" in wave_list_words.EVENTS


def test_what_is_chosen_stands_in_the_address_of_every_form_and_act(year: World) -> None:
    who = replace(main_states.full(year), language="en")
    path = f"/app/wave/{year.wave().id}"
    client = make_app(year.deps).test_client()
    page = client.post(f"{path}?standing=open&q=%D0%9A%D0%BB", data=form(year, who)).text
    kept = f"{path}?standing=open&amp;q=%D0%9A%D0%BB"
    actions = set(re.findall(r'<form method="post" action="([^"]*)"', page)) - {path}
    assert actions == {kept}, "every act comes back to the same part of the list"
    assert f'<form class="form row filter" method="post" action="{path}" data-address>' in page
    line = next(row.id for row in year.rows(WaveClient, wave_id=year.wave().id, reason="excluded_by_hand"))
    again = client.post(
        f"{path}?standing=excluded_by_hand", data=form(year, who, do="include", lines=str(line))
    ).text
    assert '<option value="excluded_by_hand" selected' in again


def test_letters_on_their_way_and_the_trail_come_as_a_part_and_as_a_file(year: World) -> None:
    who = replace(main_states.full(year), language="en")
    part = post(year, who, part="watch").text
    assert "<html" not in part
    assert "data-done" in part
    client = make_app(year.deps).test_client()
    path = f"/app/wave/{year.wave().id}/trail"
    show(year, who, do="pause", why="=1+1")
    answer = client.post(path, data=form(year, who, format="csv"))
    assert (answer.mimetype, answer.headers["Content-Disposition"].partition(";")[0]) == (
        "text/csv",
        "attachment",
    )
    assert "paused,,'=1+1" in answer.text, "what people typed is no formula"
    assert client.post(path, data=form(year, viewer(year, MANAGER))).status_code == 403
    assert "paused" in words(client.post(path, data=form(year, who, page="99")).text)


def test_days_that_cannot_be_stay_in_their_form_with_what_is_wrong(year: World) -> None:
    who = replace(main_states.planned(year), language="en")
    answer = post(year, who, do="move", announce="2026-02-10", closing="2026-02-01")
    assert answer.status_code == 422
    assert "End of the survey: at least 1 day after the step before it." in words(answer.text)
    assert 'name="closing" value="2026-02-01"' in answer.text
    assert 'name="announce" value="2026-02-10"' in answer.text
    assert "The dates are changed." in words(show(year, who, do="move", announce="2026-02-10"))
