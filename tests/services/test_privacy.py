"""A person can be shown and forgotten; what protects them and what counts stays (product.md T7)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integration.services import optouts, privacy, upkeep
from integration.store.base import Sessions, transaction
from integration.store.clients import Company, Contact, OptOut
from integration.store.holds import ClientAct
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.responses import Response, ResponseRevision
from integration.store.waves import Invitation, Wave, WaveClient
from tests.conftest import HandClock
from tests.services.survey_world import HEAD, World, a_letter, make_world

WORDS = "Anna was late with every report"


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    """Two people of one client; the first has answered with words."""
    made = make_world(sessions, clock, people=((7, "decides"), (8, "daily")))
    made.human(3, WORDS, token=made.tokens[7])
    return made


def _everything(world: World, *tables: Any) -> str:
    found = []
    for table in tables or (Invitation, LetterRow, Response, ResponseRevision, OutboxRow, WaveClient):
        for row in world.rows(table):
            found.append({column.name: str(getattr(row, column.name)) for column in table.__table__.columns})
    found += [{"facts": str(row.facts)} for row in world.followups()]
    return json.dumps(found, ensure_ascii=False)


def test_a_person_is_found_by_address_number_and_part_of_the_name(world: World) -> None:
    for text in ("p7@example.com", " P7@EXAMPLE.COM ", "7", "erson7"):
        assert [found.contact_id for found in privacy.search(world.deps, world.portal.id, text)] == [7], text
    world.set(Contact, (world.portal.id, 7), last_name="Ёлкина")
    for text in ("ёлкина", "ЁЛКИНА", "Person7 Ёл"):
        assert [found.contact_id for found in privacy.search(world.deps, world.portal.id, text)] == [7], text
    assert privacy.search(world.deps, world.portal.id, "  ") == []
    assert privacy.search(world.deps, world.portal.id, "100%") == []
    assert len(privacy.search(world.deps, world.portal.id, "person")) == 2


def test_a_person_is_found_by_part_of_the_address_taken_as_it_is_written(world: World) -> None:
    world.set(Invitation, world.invitation(7).id, address="anna_p%7@shop.example")
    for text in ("anna_", "SHOP.exa", "_p%7", "%7@"):
        assert [found.contact_id for found in privacy.search(world.deps, world.portal.id, text)] == [7], text
    for text in ("sh", "%7", "annaX", "a%7@", "anna-p"):
        assert privacy.search(world.deps, world.portal.id, text) == [], text


def test_what_is_held_is_counted_and_given_out_whole(world: World) -> None:
    a_letter(world, world.invitation(7))
    held = privacy.held(world.deps, world.portal.id, 7)
    assert held is not None
    assert (held.invitations, held.responses, held.letters, held.followups) == (1, 1, 1, 1)
    given = privacy.export(world.deps, world.portal.id, 7)
    assert given is not None
    assert given["answers"][0]["comment"] == WORDS
    assert given["answers"][0]["versions"][0]["score"] == 3
    assert given["invitations"][0]["address"] == "p7@example.com"
    assert json.loads(json.dumps(given)) == given


def test_an_erased_person_leaves_numbers_and_no_words_names_or_addresses(world: World) -> None:
    a_letter(world, world.invitation(7))
    counts = privacy.erase(world.deps, world.portal.id, 7, HEAD)
    assert counts is not None
    assert counts["answers"] == 1
    left = _everything(world)
    for trace in (WORDS, "p7@example.com", "Person7 Example"):
        assert trace not in left, trace
    response = world.response()
    assert response is not None
    assert (response.score, response.status) == (3, "counted")


def test_nobody_else_of_the_client_loses_anything(world: World) -> None:
    privacy.erase(world.deps, world.portal.id, 7, HEAD)
    other = world.invitation(8)
    assert (other.name, other.address, other.outcome) == ("Person8 Example", "p8@example.com", "")


def test_letters_on_their_way_are_taken_back_and_the_link_is_dead(world: World) -> None:
    a_letter(world, world.invitation(8))
    privacy.erase(world.deps, world.portal.id, 8, HEAD)
    assert [row.status for row in world.letters()] == ["cancelled"]
    assert world.invitation(8).revoked_at is not None
    assert world.invitation(8).outcome == "excluded"


def test_our_fields_on_the_cards_are_emptied_after_what_was_queued_before(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        session.get_one(Company, (world.portal.id, 12)).scores = {privacy.COMMENT: f"{WORDS}\n(note)"}
    privacy.erase(world.deps, world.portal.id, 7, HEAD)
    assert world.written("contact:7", "field")[-1]["UF_CRM_MOLVA_NPS_COMMENT"] == ""
    assert world.written("company:12", "field") == [{privacy.COMMENT: ""}]
    waiting = [row for row in world.all_outbox() if row.status == "waiting"]
    assert all(WORDS not in json.dumps(row.call) for row in waiting)


def test_words_of_somebody_else_on_the_clients_card_stay(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        session.get_one(Company, (world.portal.id, 12)).scores = {privacy.COMMENT: "Another voice"}
    privacy.erase(world.deps, world.portal.id, 7, HEAD)
    assert world.written("company:12", "field") == []


def test_reasons_that_people_wrote_about_the_person_are_given_out_and_forgotten(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        act = {
            "client_kind": "company",
            "client_id": 12,
            "what": "opt_out",
            "who": "Ada",
            "at": world.clock.now(),
        }
        session.add(
            ClientAct(portal_id=world.portal.id, contact_id=7, reason="Anna is angry", detail={}, **act)
        )
        session.add(
            ClientAct(portal_id=world.portal.id, contact_id=8, reason="Ivan is on leave", detail={}, **act)
        )
    given = privacy.export(world.deps, world.portal.id, 7)
    assert given is not None
    assert [row["reason"] for row in given["acts"]] == ["Anna is angry"]
    privacy.erase(world.deps, world.portal.id, 7, HEAD)
    assert [row.reason for row in world.rows(ClientAct)] == ["", "Ivan is on leave"]


def test_an_opt_out_outlives_the_erasure_and_one_can_be_added(world: World) -> None:
    world.policy()
    token = world.tokens[7]
    optouts.opt_out(world.deps, token, one_click=True)
    privacy.erase(world.deps, world.portal.id, 7, HEAD)
    privacy.erase(world.deps, world.portal.id, 8, HEAD, never_again=True)
    assert {row.address for row in world.rows_by_portal(OptOut)} == {"p7@example.com", "p8@example.com"}


def test_erasing_twice_is_noted_twice_and_harms_nothing(world: World) -> None:
    privacy.erase(world.deps, world.portal.id, 7, HEAD)
    before = _everything(world, Response, ResponseRevision, Invitation)
    assert privacy.erase(world.deps, world.portal.id, 7, HEAD) is not None
    assert _everything(world, Response, ResponseRevision, Invitation) == before
    noted = privacy.erasures(world.deps, world.portal.id)
    assert [(row.contact_id, row.who) for row in noted] == [(7, "Ada Head (1)")] * 2


def test_an_outsider_from_another_portal_neither_finds_nor_erases(
    sessions: Sessions, clock: HandClock
) -> None:
    world = make_world(sessions, clock, tag="one")
    other = make_world(sessions, clock, people=((70, "decides"),), tag="two")
    pid = other.portal.id
    assert privacy.search(world.deps, pid, "p7@example.com") == []
    assert privacy.held(world.deps, pid, 7) is None
    assert privacy.export(world.deps, pid, 7) is None
    assert privacy.erase(world.deps, pid, 7, HEAD) is None
    assert world.invitation(7).name == "Person7 Example"


def test_the_same_address_on_another_card_is_the_same_person_a_shared_mailbox_is_not(world: World) -> None:
    world.set(Invitation, world.invitation(8).id, address="p7@example.com")
    held = privacy.held(world.deps, world.portal.id, 7)
    assert held is not None
    assert held.contacts == (7, 8)
    world.set(Invitation, world.invitation(8).id, shared=True)
    held = privacy.held(world.deps, world.portal.id, 7)
    assert held is not None
    assert held.contacts == (7,)


@pytest.mark.parametrize(("months", "kept"), [(35, True), (37, False)])
def test_persons_of_old_waves_are_forgotten_after_the_months_of_the_settings(
    world: World, clock: HandClock, months: int, kept: bool
) -> None:
    world.policy(retention_months=36)
    world.set(Wave, world.wave_id, stage="closed", closed_at=clock.now())
    clock.advance(days=months * 30.5)
    assert upkeep.prune(world.deps, world.portal.id, {}).due_at is None
    assert (WORDS in _everything(world, Response)) is kept
    assert (world.invitation(7).name == "Person7 Example") is kept
    assert world.rows(Response)[0].score == 3


def test_a_running_wave_is_never_forgotten_however_old(world: World, clock: HandClock) -> None:
    clock.advance(days=5000)
    upkeep.prune(world.deps, world.portal.id, {})
    assert world.invitation(7).name == "Person7 Example"


def test_a_letter_on_its_way_out_during_the_erasure_is_emptied_afterwards(world: World) -> None:
    a_letter(world, world.invitation(8))
    letter = world.letters()[0]
    world.set(LetterRow, letter.id, status="working")
    privacy.erase(world.deps, world.portal.id, 8, HEAD)
    world.set(LetterRow, letter.id, status="done")
    assert world.letters()[0].recipient_address == "p8@example.com"
    upkeep.prune(world.deps, world.portal.id, {})
    assert (world.letters()[0].recipient_address, world.letters()[0].body_text) == ("", "")
