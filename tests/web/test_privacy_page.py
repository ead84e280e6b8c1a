"""The section on data and privacy: found, shown, given out, forgotten; for administrators only (product.md T7)."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient

from integration.services import policies
from integration.store.base import reading
from tests.services.survey_world import World
from tests.web.conftest import a_viewer, inside

PATH = "/app/settings/privacy"


def test_the_section_lists_what_is_kept_and_for_how_long(client: FlaskClient, world: World) -> None:
    answer = inside(client, world, a_viewer(world), PATH)
    assert answer.status_code == 200
    assert "36 months after the survey" in answer.text
    assert "never again" in answer.text


@pytest.mark.parametrize(
    ("language", "word"), [("ru", "Данные и приватность"), ("uk", "Дані та приватність")]
)
def test_it_speaks_the_languages_of_the_viewer(
    client: FlaskClient, world: World, language: str, word: str
) -> None:
    assert word in inside(client, world, a_viewer(world, language=language), PATH).text


def test_somebody_who_is_no_administrator_is_refused(client: FlaskClient, world: World) -> None:
    who = a_viewer(world, user_id=6, administrator=False)
    for fields in (
        {},
        {"do": "find", "q": "7"},
        {"do": "export", "person": "7"},
        {"do": "erase", "person": "7"},
    ):
        answer = inside(client, world, who, PATH, **fields)
        assert answer.status_code == 403
        assert "Person7" not in answer.text
    assert world.invitation().name == "Person7 Example"


def test_a_person_is_found_shown_and_given_out_as_a_file(client: FlaskClient, world: World) -> None:
    world.human(9, "Very <b>good</b>")
    who = a_viewer(world)
    found = inside(client, world, who, PATH, do="find", q="p7@example.com")
    assert "Person7" in found.text
    shown = inside(client, world, who, PATH, person="7")
    assert "p7@example.com" in shown.text
    given = inside(client, world, who, PATH, do="export", person="7")
    assert given.headers["Content-Disposition"] == 'attachment; filename="person-7.json"'
    assert json.loads(given.text)["answers"][0]["comment"] == "Very <b>good</b>"


def test_nobody_found_says_what_to_try(client: FlaskClient, world: World) -> None:
    answer = inside(client, world, a_viewer(world), PATH, do="find", q="<script>zero</script>")
    assert "Nobody found" in answer.text
    assert "<script>zero" not in answer.text


def test_a_forgotten_person_is_gone_and_noted_with_who_did_it(client: FlaskClient, world: World) -> None:
    world.human(2, "Late again")
    who = a_viewer(world)
    answer = inside(client, world, who, PATH, do="erase", person="7", never_again="1")
    assert "This person is forgotten." in answer.text
    assert "Ada Head" in answer.text
    assert world.invitation().name == ""


@pytest.mark.parametrize("typed", ["11", "121", "", "-1", "12.5", "много", "9" * 40])
def test_months_that_cannot_be_are_refused_at_the_field_and_not_lost(
    client: FlaskClient, world: World, typed: str
) -> None:
    answer = inside(client, world, a_viewer(world), PATH, do="save", retention_months=typed, version="1")
    assert answer.status_code == 422
    assert "A whole number from 12 to 120." in answer.text
    assert f'value="{typed[:10]}"' in answer.text


def test_the_months_are_kept_as_a_version_with_its_author(client: FlaskClient, world: World) -> None:
    answer = inside(client, world, a_viewer(world), PATH, do="save", retention_months="24", version="1")
    assert "Saved." in answer.text
    with reading(world.deps.sessions) as session:
        assert policies.load(session, world.portal.id)[0].retention_months == 24


def test_two_administrators_do_not_overwrite_each_other(client: FlaskClient, world: World) -> None:
    who = a_viewer(world)
    inside(client, world, who, PATH, do="save", retention_months="24", version="1")
    answer = inside(client, world, who, PATH, do="save", retention_months="48", version="1")
    assert answer.status_code == 409
    assert "Somebody else has changed it meanwhile." in answer.text


def test_an_outsider_from_another_portal_sees_nobody(client: FlaskClient, world: World) -> None:
    from tests.services.survey_world import make_world

    other = make_world(world.deps.sessions, world.clock, people=((70, "decides"),), tag="other")
    who = a_viewer(other)
    for fields in ({"do": "find", "q": "p7@example.com"}, {"person": "7"}, {"do": "export", "person": "7"}):
        answer = inside(client, world, who, PATH, **fields)
        assert "Person7" not in answer.text
    assert inside(client, world, who, PATH, do="erase", person="7").status_code == 404
    assert world.invitation().name == "Person7 Example"
