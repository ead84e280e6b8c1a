"""The direct line and "ask my colleague" as a machine sees them: states, sizes, what a GET may do (S1, S5, W12)."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from integration.nps.people import ClientKey
from integration.services import direct_line
from integration.store import direct_lines
from integration.store.base import transaction
from integration.store.clients import Company
from integration.store.colleagues import Colleague
from integration.store.direct_lines import DirectMessage
from integration.store.followups import FollowUp
from integration.store.waves import Wave
from tests.services.survey_world import World
from tests.web.test_answer_page import everything, hidden

CLIENT = ClientKey("company", 12)


@pytest.fixture
def line(world: World) -> str:
    """The address of the client's direct line."""
    with transaction(world.deps.sessions) as session:
        url = direct_line.link_of(world.deps, session, world.portal.id, CLIENT, world.clock.now())
    return url.removeprefix("https://molva.example")


def proven(client: FlaskClient, world: World, path: str, proof: str, purpose: str) -> dict[str, str]:
    """The hidden fields of a page after a person has touched it."""
    body = client.get(path).text
    world.clock.advance(seconds=5)
    form = {"nonce": hidden(body, "nonce"), "type": "keydown", "trusted": "true", "purpose": purpose}
    answer = client.post(proof, data=form)
    assert answer.status_code == 200
    return {"nonce": form["nonce"], "proof": str(answer.get_json()["proof"])}


def test_a_message_is_taken_from_a_person_and_the_page_says_who_has_it(
    client: FlaskClient, world: World, line: str
) -> None:
    """Also twice and in another language; a reload of the thanks sends nothing again."""
    body = client.get(line).text
    assert "Ada Head" in body
    assert "ACME" not in body  # whose link it is nobody learns from it
    kept = proven(client, world, line, f"{line}/proof", "direct")
    form = {**kept, "words": "Please call\r\nme <now>", "person": "Ann", "back": "+1", "lang": "ru"}
    switched = client.post(line, data={**form, "switch": "1"})
    assert "&lt;now&gt;" in switched.text
    assert (switched.status_code, world.rows(DirectMessage)) == (200, [])
    for _ in range(2):
        answer = client.post(line, data=form)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"{line}?sent=1&lang=ru")
    assert "Ada Head" in client.get(answer.headers["Location"]).text
    (row,) = world.rows(DirectMessage)
    assert (row.words, row.person, row.back, row.status) == ("Please call\nme <now>", "Ann", "+1", "new")
    assert [one.kind for one in world.rows(FollowUp)] == ["direct_line"]


def test_without_a_script_a_ticked_box_sends_what_was_written(
    client: FlaskClient, world: World, line: str
) -> None:
    first = client.post(line, data={"words": "Call", "person": "Ann", "back": "", "lang": "en"})
    assert first.status_code == 200
    fields = {name: hidden(first.text, name) for name in ("words", "person", "back")}
    assert fields == {"words": "Call", "person": "Ann", "back": ""}
    assert 'name="sure"' in first.text
    world.clock.advance(seconds=9)
    sure = first.text.split('name="sure" value="')[1].split('"')[0]
    assert client.post(line, data={**fields, "lang": "en"}).status_code == 200  # nobody ticked it
    assert client.post(line, data={**fields, "sure": sure, "lang": "en"}).status_code == 303
    assert len(world.rows(FollowUp)) == 1


def test_every_refusal_has_its_status_and_what_was_typed_stays(
    client: FlaskClient, world: World, line: str
) -> None:
    empty = client.post(line, data={"words": " ", "person": "Ann", "lang": "en"})
    assert empty.status_code == 422
    assert 'value="Ann"' in empty.text
    assert "words-problem" in empty.text
    assert client.post(line, data={"words": "я" * 4001}).status_code == 422
    assert client.post(line, data={"words": "x" * 60_000}).status_code == 413
    assert client.get("/d/nobody").status_code == 404
    with transaction(world.deps.sessions) as session:
        for number in range(direct_line.MOST_A_DAY):
            link = direct_lines.by_token(session, line.rpartition("/")[2])
            assert link is not None
            session.add(
                DirectMessage(portal_id=world.portal.id, link_id=link.id, words=f"{number}", status="new",
                              said_at=world.clock.now())
            )  # fmt: skip
    kept = proven(client, world, line, f"{line}/proof", "direct")
    assert client.post(line, data={**kept, "words": "one more"}).status_code == 429
    with transaction(world.deps.sessions) as session:
        direct_lines.revoke(session, world.portal.id, CLIENT, "Ada", world.clock.now())
    assert client.get(line).status_code == 410
    assert client.post(line, data={"words": "x"}).status_code == 410
    assert client.post(f"{line}/proof", data={**kept, "type": "click", "trusted": "1"}).status_code == 403


def test_the_address_stands_on_every_page_of_the_survey_and_opening_changes_nothing(
    client: FlaskClient, world: World, line: str
) -> None:
    """Open, later, colleague, answered, expired, revoked; whatever is opened writes no row."""
    pages = [f"/s/{world.token}", f"/s/{world.token}/later", f"/s/{world.token}/colleague"]
    before = everything(world)
    for path in (*pages, line, f"{line}?sent=1&lang=uk", f"/s/{world.token}/colleague?sent=1"):
        for method in (client.get, client.head):
            assert method(path).status_code == 200
    assert everything(world) == before
    seen: dict[str, Any] = {path: client.get(path).text for path in pages}
    world.human(9)
    seen["answered"] = client.get(pages[0]).text
    world.set(Wave, world.wave_id, stage="closed", closed_at=world.clock.now())
    world.clock.advance(days=60)
    seen["over"] = client.get(pages[0]).text
    world.set(type(world.invitation()), world.invitation().id, revoked_at=world.clock.now())
    seen["revoked"] = client.get(pages[0]).text
    assert [name for name, body in seen.items() if f'href="{line}?lang=' not in body] == []
    world.policy(direct_line=False)
    assert "/d/" not in client.get(pages[0]).text


def test_a_colleague_is_named_by_a_person_and_stays_a_wish(client: FlaskClient, world: World) -> None:
    path = f"/s/{world.token}/colleague"
    assert path in client.get(f"/s/{world.token}").text
    assert client.post(path, data={"name": "", "reach": "", "lang": "en"}).status_code == 422
    unsure = client.post(path, data={"name": "<b>Bob</b>", "reach": "bob@x.example", "lang": "en"})
    assert 'name="sure"' in unsure.text
    assert "<b>Bob</b>" not in unsure.text
    assert world.rows(Colleague) == []
    kept = proven(client, world, path, f"/s/{world.token}/proof", "colleague")
    answer = client.post(path, data={**kept, "name": "Bob", "reach": "bob@x.example", "lang": "uk"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{path}?sent=1&lang=uk")
    assert [row.name for row in world.rows(Colleague)] == ["Bob"]
    world.set(Company, (world.portal.id, 12), title="ACME")
    world.human(9)
    assert client.get(path).status_code == 303
    assert client.post(path, data={"name": "Bob", "reach": "1"}).status_code == 303
