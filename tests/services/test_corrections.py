"""What staff do about answers, and about people who want no more questions (product.md S1, S3, B2, W10, W12, W17)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from integration.bitrix.call import Call
from integration.nps.people import CardKey, ClientKey
from integration.services import card_people, corrections, survey_rows
from integration.services.writeback import SCORE
from integration.store.base import Sessions, transaction
from integration.store.clients import Company, Contact, ContactCompany, OptOut
from integration.store.holds import ClientAct
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal
from integration.store.responses import Response
from integration.store.waves import Invitation, Wave
from tests.conftest import START, HandClock
from tests.services.survey_world import World, a_letter
from tests.services.tab_world import held, tab_world

CLIENT = ClientKey("company", 12)
OTHER = ClientKey("company", 99)
WHO = "Ada Head (1)"
FIELD = "UF_CRM_MOLVA_OPT_OUT"


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return tab_world(sessions, clock)


def answer(world: World) -> Response:
    return world.rows(Response)[0]


def correct(world: World, client: ClientKey = CLIENT, seen: int = 1, **form: str) -> str:
    values = {"score": "7", "comment": "Better", "reason": "misheard"} | form
    return corrections.correct(
        world.deps, world.portal.id, client, answer(world).id, values, seen=seen, who=WHO
    )


def record(world: World, contact: int = 7, client: ClientKey = CLIENT, **form: Any) -> Any:
    values = {"score": "9", "comment": "Very good"} | form
    channel = values.pop("channel", "in_person")
    return corrections.record(
        world.deps, world.portal.id, client, world.invitation(contact).id, values, channel=channel, who=WHO
    )


def at_once(*clicks: Callable[[], Any]) -> None:
    """Several people press at the same moment."""
    together = threading.Barrier(len(clicks))

    def press(click: Callable[[], Any]) -> None:
        together.wait(60)
        click()

    threads = [threading.Thread(target=press, args=(click,)) for click in clicks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)


# --- by word of mouth


def test_an_answer_given_in_a_talk_counts_with_the_name_of_whoever_wrote_it_down(world: World) -> None:
    a_letter(world, world.invitation())
    assert record(world).status == "counted"
    found = answer(world)
    assert (found.score, found.comment, found.channel, found.recorded_by, found.status) == (
        9, "Very good", "in_person", WHO, "counted",
    )  # fmt: skip
    assert [(r.author, r.status) for r in world.revisions()] == [(WHO, "counted")]
    assert world.invitation().outcome == "answered"
    assert [letter.status for letter in world.letters()] == ["cancelled"]
    assert world.written("company:12")[0][SCORE] == 9


def test_recording_the_same_twice_is_recording_it_once(world: World) -> None:
    assert [record(world).status, record(world).status] == ["counted", "counted"]
    assert (len(world.rows(Response)), len(world.revisions()), len(world.written("company:12"))) == (1, 1, 1)


def test_what_a_client_says_while_the_result_is_preliminary_is_not_lost(world: World) -> None:
    """The personal link takes an answer until then as well (product.md S6, W14)."""
    world.set(Wave, world.wave_id, stage="closed", closed_at=START)
    world.set(Invitation, world.invitation().id, outcome="no_answer")
    assert record(world).status == "counted"
    assert world.invitation().outcome == "answered"


def test_what_the_client_said_is_not_recorded_over(world: World) -> None:
    world.human(3, "No")
    assert record(world).status == "closed"
    assert (answer(world).score, answer(world).recorded_by) == (3, "client")


def test_a_talk_settles_an_answer_that_was_held(world: World) -> None:
    held(world, 7)
    assert record(world, score="4", channel="phone").status == "counted"
    assert (answer(world).score, answer(world).channel, answer(world).held_reason) == (4, "phone", "")


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"score": "11"}, ("score", "not_a_score")),
        ({"score": ""}, ("score", "missing")),
        ({"comment": "x" * 4001}, ("comment", "too_long")),
    ],
)
def test_an_answer_that_cannot_be_read_is_not_recorded(
    world: World, form: dict[str, str], problem: tuple[str, str]
) -> None:
    found = record(world, **form)
    assert (found.status, found.problems, world.rows(Response)) == ("problem", (problem,), [])


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        (Wave, {"stage": "closed", "closed_at": START, "result_frozen_at": START}), (Wave, {"stage": "draft"}),
        (Wave, {"approved_by": ""}),
        (Invitation, {"outcome": "opted_out"}), (Invitation, {"outcome": "excluded"}),
    ],
)  # fmt: skip
def test_where_nothing_can_be_recorded_nothing_is(world: World, table: Any, changes: dict[str, Any]) -> None:
    row = world.wave_id if table is Wave else world.invitation().id
    world.set(table, row, **changes)
    assert (record(world).status, world.rows(Response)) == ("closed", [])


def test_the_invitation_of_another_client_is_out_of_reach(world: World) -> None:
    assert (record(world, client=OTHER).status, world.rows(Response)) == ("closed", [])


def test_two_who_record_at_once_make_one_answer(world: World) -> None:
    at_once(lambda: record(world), lambda: record(world), lambda: record(world, score="2"))
    assert len(world.rows(Response)) == 1
    assert len(world.revisions()) == 1


# --- corrections


def test_a_correction_keeps_the_old_value_the_name_and_the_reason(world: World) -> None:
    world.human(3, "No")
    assert correct(world) == "done"
    assert (answer(world).score, answer(world).comment) == (7, "Better")
    assert [(r.score, r.author, r.reason) for r in world.revisions()] == [
        (3, "client", ""),
        (7, WHO, "misheard"),
    ]
    assert [fields[SCORE] for fields in world.written("company:12") if SCORE in fields] == [3, 7]


def said_on_the_card(world: World) -> list[str]:
    """The last comment written to the company's timeline, line by line, without its mark."""
    rows = [row for row in world.outbox("comment") if row.lane == "company:12"]
    words: str = Call.from_json(rows[-1].call).params["fields"]["COMMENT"]
    return words.split("\n")


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "Corrected by our staff: Ada Head. Reason: misheard [\u200bB] on the phone"),
        ("ru", "Исправлено сотрудником: Ada Head. Причина: misheard [\u200bB] on the phone"),
        ("uk", "Виправлено співробітником: Ada Head. Причина: misheard [\u200bB] on the phone"),
    ],
)
@pytest.mark.parametrize("score", ["7", "3"])
def test_the_comment_on_the_card_says_who_corrected_an_answer_and_why(
    world: World, language: str, line: str, score: str
) -> None:
    world.set(Portal, world.portal.id, language=language)
    world.human(3, "No")
    assert correct(world, score=score, reason="misheard [B]\non the phone") == "done"
    words = said_on_the_card(world)
    assert words[1] == line
    assert "Person7" in words[2]
    assert words[3] == "«Better»"


def test_a_client_who_changes_its_own_answer_is_not_said_to_be_corrected_by_staff(world: World) -> None:
    world.human(3, "No")
    world.human(7, "Better")
    assert "corrected from 3 to 7" in said_on_the_card(world)[0]
    assert "Person7" in said_on_the_card(world)[1]
    assert "staff" not in "".join(said_on_the_card(world))


def test_correcting_twice_to_the_same_is_one_correction(world: World) -> None:
    world.human(3)
    assert [correct(world), correct(world)] == ["done", "done"]
    assert len(world.revisions()) == 2


def test_a_correction_of_what_somebody_else_changed_meanwhile_is_refused(world: World) -> None:
    world.human(3)
    assert [correct(world, score="5"), correct(world, score="8")] == ["done", "changed"]
    assert answer(world).score == 5


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"reason": "  "}, "no_reason"), ({"score": "x"}, "bad_score"), ({"score": ""}, "bad_score"),
        ({"comment": "x" * 4001}, "too_long"),
    ],
)  # fmt: skip
def test_a_correction_needs_a_score_and_a_reason(world: World, form: dict[str, str], status: str) -> None:
    world.human(3)
    assert (correct(world, **form), answer(world).score) == (status, 3)


def test_the_answer_of_another_client_is_out_of_reach(world: World) -> None:
    world.human(3)
    number = answer(world).id
    found = [
        correct(world, OTHER),
        corrections.confirm(world.deps, world.portal.id, OTHER, number, seen=1, who=WHO),
        corrections.turn_down(world.deps, world.portal.id, OTHER, number, seen=1, who=WHO),
        corrections.confirm(world.deps, world.portal.id, CLIENT, 999, seen=1, who=WHO),
    ]
    assert (found, answer(world).score, len(world.revisions())) == (["unknown"] * 4, 3, 1)


def test_two_corrections_at_once_leave_one_and_tell_the_other(world: World) -> None:
    world.human(3)
    told: list[str] = []
    at_once(lambda: told.append(correct(world, score="5")), lambda: told.append(correct(world, score="8")))
    assert sorted(told) == ["changed", "done"]
    assert (len(world.revisions()), answer(world).score in (5, 8)) == (2, True)


# --- held answers


def test_a_held_answer_counts_once_it_is_confirmed(world: World) -> None:
    held(world)
    number = answer(world).id
    for _ in range(2):
        assert corrections.confirm(world.deps, world.portal.id, CLIENT, number, seen=1, who=WHO) == "done"
    assert (answer(world).status, answer(world).score) == ("counted", 9)
    assert [(r.status, r.author, r.reason) for r in world.revisions()] == [
        ("held", "client", ""), ("counted", WHO, corrections.CONFIRMED),
    ]  # fmt: skip
    assert world.written("company:12")[0][SCORE] == 9


def test_a_rejected_answer_counts_nowhere_and_the_person_can_still_answer(world: World) -> None:
    held(world)
    number = answer(world).id
    for _ in range(2):
        assert corrections.turn_down(world.deps, world.portal.id, CLIENT, number, seen=1, who=WHO) == "done"
    assert (answer(world).status, world.outbox("score"), world.invitation(8).outcome) == ("rejected", [], "")
    assert [r.status for r in world.revisions()] == ["held", "rejected"]
    held(world)  # the same machine again
    assert answer(world).status == "rejected"
    world.human(5, "Me", token=world.tokens[8])
    assert (answer(world).status, answer(world).score) == ("counted", 5)


@pytest.mark.parametrize("other", ["the person answers", "a colleague confirms"])
def test_turning_down_at_the_very_moment_loses_no_answer(
    world: World, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    """Neither the person nor the colleague gets an error, and what they said stands or is told to have been late."""
    held(world)
    number = answer(world).id
    meeting = threading.Barrier(2)
    real = survey_rows.add_revision

    def slowly(*args: Any, **more: Any) -> None:
        with suppress(threading.BrokenBarrierError):
            meeting.wait(0.7)
        real(*args, **more)

    told: list[object] = []
    clicks = {
        "the person answers": lambda: told.append(world.human(3, "Mine", token=world.tokens[8]).status),
        "a colleague confirms": lambda: told.append(
            corrections.confirm(world.deps, world.portal.id, CLIENT, number, seen=1, who="Bob (2)")
        ),
    }
    monkeypatch.setattr(survey_rows, "add_revision", slowly)
    at_once(
        clicks[other],
        lambda: told.append(
            corrections.turn_down(world.deps, world.portal.id, CLIENT, number, seen=1, who=WHO)
        ),
    )
    assert len(told) == 2
    assert [r.revision for r in world.revisions()] == list(range(1, answer(world).revision + 1))
    if other == "the person answers":
        assert (answer(world).status, answer(world).score) == ("counted", 3)
    else:
        assert sorted(map(str, told)) == ["changed", "done"]


def test_another_answer_than_the_one_looked_at_is_not_turned_down(world: World) -> None:
    held(world)
    world.post(2, "Other words", token=world.tokens[8])
    number = answer(world).id
    assert corrections.turn_down(world.deps, world.portal.id, CLIENT, number, seen=1, who=WHO) == "changed"
    assert answer(world).status == "held"
    assert corrections.turn_down(world.deps, world.portal.id, CLIENT, number, seen=2, who=WHO) == "done"


def test_another_unproven_answer_after_a_rejected_one_is_held_anew(world: World) -> None:
    held(world)
    corrections.turn_down(world.deps, world.portal.id, CLIENT, answer(world).id, seen=1, who=WHO)
    world.post(2, "Other words", token=world.tokens[8])
    assert (answer(world).status, answer(world).score) == ("held", 2)


def test_a_counted_answer_cannot_be_rejected(world: World) -> None:
    world.human(3)
    assert (
        corrections.turn_down(world.deps, world.portal.id, CLIENT, answer(world).id, seen=1, who=WHO)
        == "changed"
    )
    assert answer(world).status == "counted"


# --- the score on the card


def restore(world: World, card: CardKey) -> str:
    return corrections.restore(world.deps, world.portal.id, card, CLIENT, who=WHO)


def sent(world: World) -> None:
    """Everything on its way has arrived."""
    for row in world.all_outbox():
        world.set(OutboxRow, row.id, status="done")


@pytest.mark.parametrize(
    ("card", "score"), [(("company", 12), 3), (("contact", 8), 9), (("contact", 7), 3), (("deal", 351), 3)]
)
def test_our_score_is_written_over_what_somebody_typed(
    world: World, card: tuple[Any, int], score: int
) -> None:
    world.human(3, "Bad")
    world.human(9, "Good", token=world.tokens[8])
    sent(world)
    lane = f"{card[0]}:{card[1]}"
    before = len(world.written(lane))
    for _ in range(2):
        assert restore(world, CardKey(*card)) == "done"
    written = world.written(lane)[before:]
    assert [fields[SCORE] for fields in written] == [score]
    assert set(written[0]) == {
        f"UF_CRM_MOLVA_NPS_{n}" for n in ("SCORE", "GROUP", "DATE", "COMMENT", "WAVE", "CHANNEL")
    }
    assert [(act.what, act.who) for act in world.rows(ClientAct)] == [("restore", WHO)]
    assert len(world.rows(Response)) == 2  # what was typed is no answer


def test_a_score_can_be_restored_each_time_somebody_types_over_it(world: World) -> None:
    world.human(3)
    for _ in range(2):
        sent(world)
        assert restore(world, CardKey("company", 12)) == "done"
    assert [fields[SCORE] for fields in world.written("company:12")] == [3, 3, 3]


def test_a_card_without_a_score_of_ours_is_left_alone(world: World) -> None:
    assert restore(world, CardKey("company", 12)) == "unknown"
    world.human(3)
    assert restore(world, CardKey("deal", 999)) == "unknown"
    assert world.rows(ClientAct) == []


# --- never again, and its way back


def opt_out(world: World, contact: int = 7, client: ClientKey = CLIENT) -> str:
    return card_people.opt_out(world.deps, world.portal.id, client, contact, who=WHO, reason="said so")


def opt_back(world: World, contact: int = 7, reason: str = "asked us to") -> str:
    return card_people.opt_back(world.deps, world.portal.id, CLIENT, contact, who=WHO, reason=reason)


def contact(world: World, number: int = 7) -> Contact:
    with transaction(world.deps.sessions) as session:
        return session.get_one(Contact, (world.portal.id, number))


def test_a_person_who_told_us_never_is_out_as_if_they_had_pressed_the_link(world: World) -> None:
    a_letter(world, world.invitation())
    assert [opt_out(world), opt_out(world)] == ["done", "again"]
    assert (world.invitation(7).outcome, world.invitation(8).outcome) == ("opted_out", "")
    assert [letter.status for letter in world.letters()] == ["cancelled"]
    said = {row.address: row.source for row in world.rows_by_portal(OptOut)}
    assert said == {"p7@example.com": "staff", "contact:7": "staff"}
    assert contact(world).opted_out
    assert {fields[FIELD] for fields in world.written("contact:7", "field")} == {"Y"}
    acts = [(act.what, act.contact_id, act.who, act.reason) for act in world.rows(ClientAct)]
    assert acts == [("opt_out", 7, WHO, "said so")]


def test_somebody_never_asked_can_be_taken_out_too(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        session.add(Contact(portal_id=world.portal.id, id=70, name="New"))
        session.add(ContactCompany(portal_id=world.portal.id, contact_id=70, company_id=12))
    assert opt_out(world, 70) == "done"
    assert [row.address for row in world.rows_by_portal(OptOut)] == ["contact:70"]
    assert world.written("contact:70", "field") == [{FIELD: "Y"}]


def test_an_administrator_can_take_it_back_with_a_reason(world: World) -> None:
    opt_out(world)
    assert [opt_back(world, reason=" "), opt_back(world), opt_back(world)] == ["no_reason", "done", "again"]
    assert (world.rows_by_portal(OptOut), contact(world).opted_out) == ([], False)
    assert world.written("contact:7", "field")[-1] == {FIELD: "N"}
    assert [(act.what, act.reason) for act in world.rows(ClientAct)][-1] == ("opt_back", "asked us to")
    assert world.invitation(7).outcome == "opted_out"  # this survey is over for the person


def test_a_mark_made_in_the_portal_can_be_taken_back(world: World) -> None:
    world.set(Contact, (world.portal.id, 7), opted_out=True)
    assert (opt_back(world), contact(world).opted_out) == ("done", False)


def test_taking_it_back_holds_on_the_other_cards_of_the_address(world: World) -> None:
    world.set(Invitation, world.invitation(8).id, address="p7@example.com")
    opt_out(world)
    world.set(Contact, (world.portal.id, 8), opted_out=True)
    opt_back(world, 8)
    assert world.rows_by_portal(OptOut) == [] or {r.address for r in world.rows_by_portal(OptOut)} == {
        "contact:7"
    }
    assert not contact(world, 8).opted_out


def test_nobody_of_another_client_is_touched(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        session.add(Company(portal_id=world.portal.id, id=99, title="Other"))
    assert (opt_out(world, client=OTHER), opt_out(world, 12345)) == ("unknown", "unknown")
    assert world.rows_by_portal(OptOut) == []


def test_two_clicks_at_once_are_one_opt_out(world: World) -> None:
    at_once(lambda: opt_out(world), lambda: opt_out(world), lambda: opt_out(world))
    assert (len(world.rows(ClientAct)), len(world.rows_by_portal(OptOut))) == (1, 2)
