"""The answer page as a machine sees it: states, refusals, headers; GET changes nothing (product.md S1-S6)."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from integration.i18n import LANGUAGES
from integration.mail.render import render
from integration.store.base import Base, reading
from integration.store.clients import Company, OptOut
from integration.store.questions import ExtraAnswer
from integration.store.responses import Proof, Response
from integration.store.waves import Invitation, Wave
from tests.services.survey_world import World
from tests.web.test_desk import counted


def hidden(body: str, name: str) -> str:
    """A hidden field's value in a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', body)
    assert found, f"no field {name}"
    return unescape(found.group(1))


def everything(world: World) -> dict[str, list[Any]]:
    """All rows of all tables."""
    with reading(world.deps.sessions) as session:
        return {t.name: sorted(map(repr, session.execute(select(t)))) for t in Base.metadata.sorted_tables}


def prove(client: FlaskClient, world: World, body: str, purpose: str = "answer") -> str:
    """What the page's script does at a person's first touch."""
    form = {"nonce": hidden(body, "nonce"), "type": "pointerdown", "trusted": "true", "purpose": purpose}
    answer = client.post(f"/s/{world.token}/proof", data=form)
    assert answer.status_code == 200
    return str(answer.get_json()["proof"])


def open_page(client: FlaskClient, world: World, query: str = "") -> str:
    body = client.get(f"/s/{world.token}{query}").text
    world.clock.advance(seconds=5)
    return body


def human(client: FlaskClient, world: World, score: int, comment: str = "") -> Any:
    body = open_page(client, world)
    form = {
        "nonce": hidden(body, "nonce"),
        "proof": prove(client, world, body),
        "score": score,
        "comment": comment,
    }
    return client.post(f"/s/{world.token}", data=form)


@pytest.mark.parametrize(
    "address", ["/s/{t}", "/s/{t}?score=3", "/s/{t}/later", "/u/{t}", "/s/{t}?score=10&lang=uk"]
)
def test_opening_an_address_changes_no_row(client: FlaskClient, world: World, address: str) -> None:
    before = everything(world)
    for method in (client.get, client.head):
        assert method(address.format(t=world.token)).status_code == 200
    assert everything(world) == before


@pytest.mark.parametrize("score", range(11))
def test_the_button_of_the_letter_preselects_its_score_alone(
    client: FlaskClient, world: World, score: int
) -> None:
    body = client.get(f"/s/{world.token}?score={score}").text
    checked = re.findall(r'value="(\d+)"[^>]* checked', body)
    assert checked == [str(score)]


@pytest.mark.parametrize("score", ["11", "-1", "ten", "5.0", "", "٥", "1e1", "00005"])
def test_a_score_that_is_none_preselects_nothing(client: FlaskClient, world: World, score: str) -> None:
    body = client.get(f"/s/{world.token}", query_string={"score": score}).text
    assert " checked" not in body


def test_an_answer_with_all_that_follows_takes_few_statements(client: FlaskClient, world: World) -> None:
    """Measured, and a tenth more: 32, cards, task, comments and letters among them."""
    body = open_page(client, world)
    form = {
        "nonce": hidden(body, "nonce"),
        "proof": prove(client, world, body),
        "score": 3,
        "comment": "Slow",
    }
    with counted(world.deps.sessions.kw["bind"]) as said:
        assert client.post(f"/s/{world.token}", data=form).status_code == 303
    assert 20 < len(said) <= 36


def test_a_persons_answer_is_counted_and_thanked_by_group(client: FlaskClient, world: World) -> None:
    answer = human(client, world, 9, "Fine <work> & more")
    assert answer.status_code == 303
    thanks = client.get(answer.headers["Location"])
    assert thanks.status_code == 200
    assert "Thank you!" in thanks.text
    assert "Fine &lt;work&gt; &amp; more" in thanks.text
    response = world.response()
    assert response is not None
    assert (response.status, response.score, response.channel) == ("counted", 9, "email")


@pytest.mark.parametrize(
    ("score", "words"), [(10, "recommend us"), (7, "missing for a ten"), (2, "We are sorry")]
)
def test_each_group_is_thanked_in_its_own_words(
    client: FlaskClient, world: World, score: int, words: str
) -> None:
    human(client, world, score)
    assert words in unescape(client.get(f"/s/{world.token}").text)


def test_an_answer_without_proof_asks_for_the_score_again_preselecting_none(
    client: FlaskClient, world: World
) -> None:
    open_page(client, world)
    held = client.post(f"/s/{world.token}", data={"score": "0", "comment": "by a machine"})
    assert held.status_code == 200
    assert " checked" not in held.text
    assert "by a machine" in held.text
    response = world.response()
    assert response is not None
    assert response.status == "held"
    world.clock.advance(seconds=5)
    form = {"score": "8", "proof": hidden(held.text, "proof"), "comment": "by me"}
    assert client.post(f"/s/{world.token}", data=form).status_code == 303
    response = world.response()
    assert response is not None
    assert (response.status, response.score) == ("counted", 8)


def test_a_replayed_form_does_not_change_a_persons_answer(client: FlaskClient, world: World) -> None:
    body = open_page(client, world)
    form = {"nonce": hidden(body, "nonce"), "proof": prove(client, world, body), "score": 9}
    client.post(f"/s/{world.token}", data=form)
    client.post(f"/s/{world.token}", data=form | {"score": 0})
    response = world.response()
    assert response is not None
    assert (response.status, response.score) == ("counted", 9)


@pytest.mark.parametrize("form", [{}, {"score": ""}, {"score": "eleven"}, {"score": "11"}])
def test_a_form_without_a_score_comes_back_with_a_message_at_the_field(
    client: FlaskClient, world: World, form: dict[str, str]
) -> None:
    answer = client.post(f"/s/{world.token}", data=form | {"comment": "kept words"})
    assert answer.status_code == 422
    assert "Please choose a number from 0 to 10." in answer.text
    assert "kept words" in answer.text
    assert world.response() is None


def test_a_comment_that_is_too_long_is_refused_and_kept_in_the_form(
    client: FlaskClient, world: World
) -> None:
    answer = client.post(f"/s/{world.token}", data={"score": "9", "comment": "ы" * 4001})
    assert answer.status_code == 422
    assert "too long" in answer.text
    assert "ы" * 4001 in answer.text
    assert world.response() is None


def test_changing_the_language_sends_nothing_and_keeps_what_was_written(
    client: FlaskClient, world: World
) -> None:
    before = everything(world)
    form = {"score": "4", "comment": "half a thought", "lang": "uk", "switch": "1"}
    answer = client.post(f"/s/{world.token}", data=form)
    assert answer.status_code == 200
    assert '<html lang="uk">' in answer.text
    assert "half a thought" in answer.text
    assert re.findall(r'value="(\d+)"[^>]* checked', answer.text) == ["4"]
    assert everything(world) == before


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_speaks_the_language_of_the_switch(client: FlaskClient, world: World, language: str) -> None:
    body = client.get(f"/s/{world.token}?lang={language}").text
    assert f'<html lang="{language}">' in body


def test_the_page_speaks_the_respondents_language_whatever_the_browser_prefers(
    client: FlaskClient, world: World
) -> None:
    body = client.get(f"/s/{world.token}", headers={"Accept-Language": "uk"}).text
    assert '<html lang="en">' in body


def test_an_unknown_token_is_a_friendly_404_in_the_browsers_language(client: FlaskClient) -> None:
    answer = client.get("/s/nobody", headers={"Accept-Language": "uk,en;q=0.5"})
    assert answer.status_code == 404
    assert "Ми не знайшли цього опитування" in answer.text
    assert client.post("/s/nobody", data={"score": "9"}).status_code == 404
    assert client.get("/u/nobody").status_code == 404


def test_a_revoked_and_an_expired_link_say_so_and_take_no_answer(client: FlaskClient, world: World) -> None:
    invitation = world.invitation()
    world.set(Invitation, invitation.id, revoked_at=world.clock.now())
    revoked = client.get(f"/s/{world.token}")
    assert (revoked.status_code, "no longer works" in revoked.text) == (410, True)
    world.set(Invitation, invitation.id, revoked_at=None)
    world.set(Wave, world.wave_id, closed_at=world.clock.now() - timedelta(days=60), stage="closed")
    expired = client.get(f"/s/{world.token}")
    assert (expired.status_code, "survey is over" in expired.text) == (410, True)
    assert client.post(f"/s/{world.token}", data={"score": "9"}).status_code == 410
    assert world.response() is None


def test_the_script_gets_no_value_for_a_forged_nonce_or_an_untrusted_event(
    client: FlaskClient, world: World
) -> None:
    nonce = hidden(open_page(client, world), "nonce")
    good = {"nonce": nonce, "type": "pointerdown", "trusted": "true"}
    for bad in ({"nonce": nonce[:-2] + "xx"}, {"trusted": "false"}, {"type": "load"}):
        answer = client.post(f"/s/{world.token}/proof", data=good | bad)
        assert (answer.status_code, answer.get_json()) == (403, {"proof": None})
    assert client.post(f"/s/{world.token}/proof", data={}).status_code == 400
    assert world.rows_by_portal(Proof) == []


def test_a_reader_who_says_later_is_asked_later(client: FlaskClient, world: World) -> None:
    body = client.get(f"/s/{world.token}/later").text
    world.clock.advance(seconds=5)
    answer = client.post(f"/s/{world.token}/later", data={"proof": prove(client, world, body, "snooze")})
    assert "All right, later" in answer.text
    assert world.invitation().snoozed_until is not None


def test_later_without_a_script_needs_a_ticked_box(client: FlaskClient, world: World) -> None:
    first = client.post(f"/s/{world.token}/later", data={})
    assert world.invitation().snoozed_until is None
    world.clock.advance(seconds=5)
    client.post(
        f"/s/{world.token}/later", data={"sure": hidden(first.text.replace("checkbox", "hidden"), "sure")}
    )
    assert world.invitation().snoozed_until is not None


def test_one_click_unsubscribes_and_any_other_post_does_not(client: FlaskClient, world: World) -> None:
    for body in ({}, {"List-Unsubscribe": "Two-Clicks"}, {"proof": "made up"}):
        passed_on = client.post(f"/u/{world.token}", data=body)
        assert passed_on.status_code == 307
        asked = client.post(passed_on.headers["Location"], data=body)
        assert asked.status_code == 200
    assert world.rows_by_portal(OptOut) == []
    answer = client.post(f"/u/{world.token}", data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert len(world.rows_by_portal(OptOut)) == 1
    assert client.post("/u/nobody", data={"List-Unsubscribe": "One-Click"}).status_code == 404


def test_the_unsubscribe_page_acts_for_a_person_and_says_that_it_is_done(
    client: FlaskClient, world: World
) -> None:
    body = client.get(f"/u/{world.token}").text
    world.clock.advance(seconds=5)
    value = prove(client, world, body, "unsubscribe")
    answer = client.post(f"/u/{world.token}/page", data={"proof": value}, follow_redirects=True)
    assert "Done" in answer.text
    assert len(world.rows_by_portal(OptOut)) == 1
    assert "You asked us not to send you surveys" in client.get(f"/s/{world.token}").text


def test_unsubscribing_without_a_script_needs_a_ticked_box(client: FlaskClient, world: World) -> None:
    asked = client.post(f"/u/{world.token}/page", data={})
    value = re.search(r'name="sure" value="([^"]+)"', asked.text)
    assert value
    world.clock.advance(seconds=5)
    assert client.post(f"/u/{world.token}/page", data={"proof": value.group(1)}).status_code == 200
    assert world.rows_by_portal(OptOut) == []
    again = re.search(r'name="sure" value="([^"]+)"', client.post(f"/u/{world.token}/page", data={}).text)
    assert again
    world.clock.advance(seconds=5)
    client.post(f"/u/{world.token}/page", data={"sure": again.group(1)})
    assert len(world.rows_by_portal(OptOut)) == 1


def test_a_value_of_one_link_is_worth_nothing_for_another(client: FlaskClient, world: World) -> None:
    body = open_page(client, world)
    value = prove(client, world, body, "unsubscribe")
    form = {"nonce": hidden(body, "nonce"), "proof": value, "score": "9"}
    client.post(f"/s/{world.token}", data=form)
    response = world.response()
    assert response is not None
    assert response.status == "held"


def test_a_link_that_a_person_passed_on_is_recorded_as_link(client: FlaskClient, world: World) -> None:
    body = open_page(client, world, "?via=link")
    form = {"proof": prove(client, world, body), "score": "9", "via": hidden(body, "via")}
    client.post(f"/s/{world.token}", data=form)
    assert [row.channel for row in world.rows(Response)] == ["link"]


def test_names_with_markup_are_shown_as_text(client: FlaskClient, world: World) -> None:
    world.set(Invitation, world.invitation().id, name="<img/src=x/onerror=alert(1)> X")
    body = client.get(f"/s/{world.token}").text
    assert "<img/src" not in body
    assert "&lt;img/src" in body


@pytest.mark.parametrize("path", ["/s/%00abc", "/u/%00abc", "/s/%00abc/later", "/s/%D1%8F"])
def test_a_link_that_no_database_can_hold_is_an_unknown_one(client: FlaskClient, path: str) -> None:
    """A cut-off or made-up address is told so, on both databases (product.md S6)."""
    found = client.get(path, follow_redirects=True)
    assert found.status_code == 404


@pytest.mark.parametrize("agency", ["Our Agency", "Агентство «Полдень»"])
@pytest.mark.parametrize("code", ["ru", "uk", "en"])
def test_the_page_asks_in_the_very_words_of_the_letter(
    client: FlaskClient, world: World, code: str, agency: str
) -> None:
    """The wording of the question is one, wherever it stands (product.md W13)."""
    world.set(Company, (world.portal.id, 1), title=agency)
    facts = {
        "agency": agency, "survey_url": "https://molva.example/s/x", "unsubscribe_url": "", "sender_name": "Ada",
        "sender_position": "head", "closing_day": "2026-02-01",
    }  # fmt: skip
    letter = render("invitation", code, facts).text
    page = unescape(client.get(f"/s/{world.token}?lang={code}").text)
    question = next(line for line in letter.splitlines() if agency in line and line.endswith("?"))
    assert question in page


def test_extra_questions_are_asked_only_of_whoever_has_answered(
    one_client: FlaskClient, one_world: World
) -> None:
    """Nothing to post to before the score, by a made-up link, or where none are asked; odd bodies are refused."""
    more = f"/s/{one_world.token}/more"
    before = everything(one_world)
    for address in (more, "/s/nobody/more"):
        for answer in (
            one_client.get(address),
            one_client.post(address, data={"q-speed": "5", "v-speed": "1"}),
        ):
            assert answer.status_code == 303
    assert everything(one_world) == before
    human(one_client, one_world, 9)
    assert one_client.post(more, data={"q-speed": "5"}).status_code == 303, "no question is asked"
    speed = {"key": "speed", "kind": "scale_5", "texts": {"en": "Speed?"}}
    one_world.policy(extra_questions=[speed, {"key": "words", "kind": "text", "texts": {"en": "Else?"}}])
    assert 'name="q-speed"' in one_client.get(f"/s/{one_world.token}").text
    assert one_client.post(more, data={"q-speed": "5\x00"}).status_code == 400
    assert one_client.post(more, data={"q-words": "x" * 60_000}).status_code == 413
    wrong = one_client.post(
        more, data={"q-speed": "11", "q-words": "y" * 1001, "q-other": "1", "v-speed": "x"}
    )
    assert wrong.status_code == 422
    assert unescape(wrong.text).count("Please choose one of the answers.") == 1
    assert "1,000 characters at most" in wrong.text
    assert "y" * 1001 in wrong.text, "what was typed stays"
    asked = one_client.post(more, data={"q-speed": "4", "q-<script>": "1"})
    assert asked.status_code == 200
    assert "<script>" not in asked.text.replace("<script src", "")
    assert one_client.post(more, data={}).status_code == 303


def test_what_was_typed_is_kept_although_the_question_was_switched_off_meanwhile(
    one_client: FlaskClient, one_world: World
) -> None:
    """The page lay open; a person's words are not thrown away because nobody asks any more (product.md W13)."""
    words = {"key": "words", "kind": "text", "texts": {"en": "Else?"}}
    one_world.policy(extra_questions=[words])
    human(one_client, one_world, 9)
    body = open_page(one_client, one_world)
    form = {"nonce": hidden(body, "nonce"), "q-words": "Call «us» more 🙂", "v-words": "0"}
    form["proof"] = prove(one_client, one_world, body, "extra")
    one_world.policy(extra_questions=[{**words, "on": False}])
    assert one_client.post(f"/s/{one_world.token}/more", data=form).status_code == 303
    assert [row.value for row in one_world.rows(ExtraAnswer)] == ["Call «us» more 🙂"]
