"""The page of a rehearsal: what it says in every state and language, what its buttons do, and for whom (W4, P4)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from integration.nps.findings import CODES, Finding
from integration.services import chores, rehearsals, waves
from integration.services.frames import Viewer
from integration.store.base import make_sessions
from integration.store.clients import Company
from integration.store.letters import LetterRow
from integration.store.mailboxes import SenderMailbox
from integration.web import finding_words
from integration.web.finding_words import WORDS
from tests.conftest import HandClock
from tests.services.dns_world import AGENCY
from tests.services.report_world import MARKUP, beat, viewer
from tests.services.wave_world import HEAD, MANAGER, World, make_world
from tests.web import rehearsal_states
from tests.web.conftest import make_app
from tests.web.main_states import form
from tests.web.test_main_page import words


@pytest.fixture
def world(one_engine: Engine, clock: HandClock) -> World:
    return make_world(make_sessions(one_engine), clock)


def post(world: World, who: Viewer, part: str = "", query: str = "", **fields: Any) -> TestResponse:
    path = f"/app/wave/{world.wave().id}/rehearsal{part}{query}"
    return make_app(world.deps).test_client().post(path, data={**form(world, who), **fields})


def show(world: World, who: Viewer, part: str = "", query: str = "", **fields: Any) -> str:
    answer = post(world, who, part, query, **fields)
    assert answer.status_code == 200, answer.text
    return answer.text


def work(world: World) -> None:
    """The worker does what is due."""
    while chores.run_due(world.deps):
        world.clock.advance(seconds=1)


@pytest.mark.parametrize("name", sorted(rehearsal_states.STATES))
def test_every_state_is_a_whole_page_in_every_language(world: World, name: str) -> None:
    who = rehearsal_states.STATES[name](world)
    for language in ("ru", "uk", "en"):
        page = show(world, replace(who, language=language))
        assert f'<html lang="{language}"' in page
        assert page.count("<h1") == 1
        assert not re.search(r"\{[a-z_]+\}|None|Undefined", words(page))
        assert MARKUP not in page


def test_every_code_has_words() -> None:
    assert set(WORDS) == CODES


@pytest.mark.parametrize(
    ("add", "record"), [("ip4:192.0.2.1", "v=spf1 mx ip4:192.0.2.1 ~all"), ("", "v=spf1 mx ~all")]
)
def test_a_first_spf_record_never_disowns_the_agency_s_own_mail_server(add: str, record: str) -> None:
    assert finding_words._shown(Finding("no_spf", {"domain": AGENCY, "add": add}))["record"] == record


def test_mistakes_say_what_who_and_what_to_do_and_lead_to_the_very_field(world: World) -> None:
    page = show(world, replace(rehearsal_states.many(world), language="en"))
    said = words(page)
    for piece in (
        "It cannot be approved yet.", "Пётр Сом cannot sign: no longer works here.",
        "Everybody who may sign serves some of these clients.", "Without it nobody can check the signature.",
        f"Letters from {AGENCY} will be turned away", "Its SPF record should name it: ip4:93.184.216.34.",
        "Clients nobody can write to: 6.", "Без почты 52", "1 more", "Tasks of the last survey still open: 3.",
        "Анна Коваль-801 · Клиент 8", "Сорок контактов: 8", "Nothing vouches for the address readers see",
    ):  # fmt: skip
        assert piece in said, piece
    wave = f"/app/wave/{world.wave().id}"
    for address in (
        "/app/settings/senders#f-senders-1-person", "/app/settings/wave#f-country",
        "/app/settings/clients#f-since_field",
        f"{wave}?standing=no_channel#clients", f"{wave}/rehearsal?show=nameless#plan", f"{wave}/rehearsal#mail-branch",
    ):  # fmt: skip
        assert f'formaction="{address}"' in page, address
    assert 'value="approve"' not in page
    assert "/crm/contact/details/801/" in page
    head = words(show(world, viewer(world, MANAGER, administrator=True, language="en"), query="?show=shared"))
    assert "1 person" in head


def test_settings_are_offered_to_those_who_may_open_them(world: World) -> None:
    rehearsal_states.clean(world)
    world.policy(max_respondents=2)
    assert "import" in words(show(world, viewer(world, HEAD, language="en")))
    assert "/app/settings/clients" not in show(world, viewer(world, HEAD))
    assert "/app/settings/clients#f-since_field" in show(world, viewer(world, HEAD, administrator=True))


def test_it_is_nobody_else_s_page(world: World) -> None:
    rehearsal_states.clean(world)
    for part in ("", "/letter", "/people"):
        assert post(world, viewer(world, MANAGER), part).status_code == 403, part
    assert post(world, viewer(world, MANAGER), do="rehearse").status_code == 403
    lost = make_app(world.deps).test_client()
    for part in ("", "/letter"):
        path = f"/app/wave/999999/rehearsal{part}"
        assert lost.post(path, data=form(world, viewer(world, HEAD))).status_code == 404
    assert (
        lost.post(
            "/app/wave/999999/rehearsal", data={**form(world, viewer(world, HEAD)), "do": "look"}
        ).status_code
        == 404
    )


def test_a_rehearsal_is_ordered_and_shows_how_far_it_is(world: World) -> None:
    who = replace(rehearsal_states.none_yet(world), language="en")
    assert "Make the list and rehearse" in words(show(world, who))
    ordered = show(world, who, do="rehearse")
    assert "The rehearsal is under way" in words(ordered)
    assert 'data-part="making"' in ordered
    part = post(world, who, query="?part=making").text
    assert "data-done" not in part
    work(world)
    said = words(show(world, who))
    assert "Approve: announce on 16 February 2026" in said
    assert "Look at the mail only" in said
    world.clock.advance(days=2)
    stale = show(world, replace(who, proved_at=world.clock.now()))
    assert "The rehearsal is older than a day." in words(stale)
    assert 'value="approve"' not in stale


def test_a_rehearsal_that_was_given_up_can_be_tried_again(world: World) -> None:
    who = replace(rehearsal_states.given_up(world), language="en")
    said = words(show(world, who))
    assert "The rehearsal has stopped" in said
    assert "Try again" in said
    assert "data-done" in post(world, who, query="?part=making").text
    show(world, who, do="rehearse")
    work(world)
    assert "What was found" in words(show(world, who))


def test_people_are_found_by_words_and_shown_page_by_page(world: World) -> None:
    who = replace(rehearsal_states.many(world), language="en")
    said = words(show(world, who, q="Коваль-801"))
    assert "Nobody who gets a letter fits what you chose." in said
    assert "Клиент 9" in words(show(world, who, query="?q=p900"))
    second = show(world, who, page="2")
    assert "Page 2 of 2" in words(second)
    assert post(world, who, show="nonsense").status_code == 400


def test_the_plan_is_saved_as_a_table_without_formulas(world: World) -> None:
    who = replace(rehearsal_states.clean(world), language="en")
    world.set(Company, (world.portal_id, 2), title="=1+1")
    rehearsals.order(world.deps, world.portal_id, world.wave().id, "x")
    work(world)
    answer = post(world, who, "/people")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    lines = answer.text.splitlines()
    assert lines[0].startswith("\ufeffClient,City,Person,Role,E-mail")
    assert len(lines) == 1 + 4 * len(world.invitations())
    assert any(line.startswith("'=1+1,") and "2026-02-16 09:00,Пётр Сом" in line for line in lines)


def test_a_letter_is_shown_in_a_frame_where_nothing_runs_or_leads_anywhere(world: World) -> None:
    who = rehearsal_states.many(world)
    people = world.invitations()
    answer = post(world, who, "/letter", person=str(people[400].id), letter="invitation")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert MARKUP not in answer.text
    assert people[400].token not in answer.text
    assert 'href="#"' in answer.text
    text = post(world, who, "/letter", person=str(people[400].id), letter="invitation", view="text")
    assert "<pre>" in text.text
    nobody = post(world, who, "/letter", person=str(people[5000].id), letter="announcement")
    assert "<pre>" in nobody.text, "nobody can sign this one"
    page = show(world, replace(who, language="en"), person=str(people[201].id), letter="reminder")
    assert "As Анна Коваль-201 would get them" in words(page)
    assert 'aria-current="true"' in page
    for fields in ({"person": "1"}, {"letter": "invitation"}, {"person": "99999", "letter": "invitation"}):
        assert post(world, who, "/letter", **fields).status_code == 404, fields


def test_a_test_letter_goes_to_staff_once_and_to_nobody_else(world: World) -> None:
    who = replace(rehearsal_states.clean(world), language="en")
    beat(world)
    person = str(world.invitations()[200].id)
    fields = {"do": "test", "person": person, "letter": "invitation", "once": "abc"}
    for _ in range(2):
        page = show(world, who, address="user1@agency.example.com", **fields)
    assert "The letter is on its way out." in words(page)
    (row,) = world.rows(LetterRow)
    assert (row.kind, row.recipient_address) == ("test", "user1@agency.example.com")
    assert "on its way" in words(
        f"<main>{post(world, who, query='?part=fate', test_letter=str(row.id)).text}"
    )
    refused = post(world, who, address="p200@client.example.com", **{**fields, "once": "b"})
    assert refused.status_code == 422
    assert "Test letters go to people of your Bitrix24 only" in words(refused.text)
    assert len(world.rows(LetterRow)) == 1


def test_a_selector_and_a_pasted_letter_are_taken_in_and_the_mail_looked_at_again(world: World) -> None:
    who = replace(rehearsal_states.clean(world), language="en")
    wrong = post(world, who, do="selector", sender="head", selector="two words")
    assert (wrong.status_code, 'value="two words"' in wrong.text) == (422, True)
    assert "The rehearsal is under way" in words(
        show(world, who, do="selector", sender="head", selector="gone")
    )
    work(world)
    assert "The key of the signature is not in the DNS" in words(show(world, who))
    letter = (
        f"Authentication-Results: mx; dkim=pass header.d={AGENCY} header.s=mail\r\nFrom: som@{AGENCY}\r\n\r\n"
    )
    spoilt = post(world, who, do="source", sender="head", source="hello")
    assert (spoilt.status_code, "not the source of a letter" in words(spoilt.text)) == (422, True)
    assert "The letter was signed." in words(show(world, who, do="source", sender="head", source=letter))
    work(world)
    assert f"was signed by {AGENCY}" in words(show(world, who))
    assert {row.sender_key: row.dkim_selector for row in world.rows(SenderMailbox)}["head"] == "mail"
    assert post(world, who, do="source", sender="head", source="x" * 1_100_000).status_code == 413


def test_an_approved_survey_shows_what_is_still_to_come_and_nothing_to_decide(world: World) -> None:
    who = replace(rehearsal_states.clean(world), language="en")
    waves.approve(world.deps, world.portal_id, world.wave().id, "x")
    page = show(world, who)
    said = words(page)
    assert "Below is what is still to come." in said
    assert 'value="rehearse"' not in page
    refused = post(world, who, do="rehearse")
    assert (refused.status_code, "moved on meanwhile" in words(refused.text)) == (422, True)
