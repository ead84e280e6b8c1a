"""Extra questions on a portal: asked after the score, kept apart from it, each with the text it answered (W13, N11)."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from integration.nps import questions as rules
from integration.nps.people import ClientKey
from integration.nps.questions import Option, Question
from integration.services import (
    corrections,
    extra_answers,
    policies,
    privacy,
    question_numbers,
    questions,
    survey,
    wave_result,
)
from integration.services.extra_answers import ExtraResult
from integration.store.base import Sessions, reading, transaction
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal
from integration.store.questions import ExtraAnswer, QuestionVersion
from integration.store.responses import ResponseRevision
from integration.store.waves import Invitation, Wave, WaveClient
from tests.conftest import HandClock
from tests.services import survey_world
from tests.services.survey_world import BROWSER, World

SPEED = Question("speed", "scale_5", {"en": "Speed?", "ru": "Скорость?"})
WHAT = Question(
    "what", "choice", {"en": "What matters?"}, (Option("o1", {"en": "Price"}), Option("o2", {"en": "Time"}))
)
WORDS = Question("words", "text", {"en": "What else?"})
CLIENT = ClientKey("company", 12)


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    made = survey_world.make_world(sessions, clock, people=((7, "decides"), (8, "daily")))
    asks(made, SPEED, WHAT, WORDS)
    return made


def asks(world: World, *asked: Question) -> None:
    """The agency saves its questions."""
    with reading(world.deps.sessions) as session:
        _, version = policies.load(session, world.portal.id)
    body = {"extra_questions": [rules.to_json(one) for one in asked]}
    done = policies.save(world.deps, world.portal.id, body, "Ada", version)
    assert isinstance(done, int), done


def give(world: World, token: str = "", *, touch: bool = True, **answers: str) -> ExtraResult:
    """What a person does under the thanks, or with `touch=False` what a program does."""
    token = token or world.token
    page = survey.page(world.deps, token)
    world.clock.advance(seconds=5)
    proof = ""
    if touch:
        gesture = {"type": "pointerdown", "trusted": "true", "purpose": "extra"}
        proof = survey.prove(world.deps, token, page.nonce, gesture, user_agent=BROWSER) or ""
    form = form_of(page.extra.asked, answers)
    return extra_answers.give(world.deps, token, form, proof=proof, user_agent=BROWSER, language="en")


def form_of(asked: tuple[Question, ...], answers: Mapping[str, str]) -> dict[str, str]:
    shown = {f"v-{one.key}": str(one.version) for one in asked}
    return shown | {f"q-{key}": value for key, value in answers.items()}


def kept(world: World, status: str = "counted") -> dict[str, tuple[str, int]]:
    return {row.question: (row.value, row.version) for row in world.rows(ExtraAnswer, status=status)}


def result(world: World) -> dict[str, Any]:
    with reading(world.deps.sessions) as session:
        portal = session.get_one(Portal, world.portal.id)
        return wave_result.numbers(session, portal, session.get_one(Wave, world.wave_id))


def test_extra_answers_never_touch_the_score(world: World) -> None:
    """Given, changed and taken back, they move no figure of the NPS, no card, no task, no letter and no revision."""
    assert give(world, speed="1").status == "closed", "nothing is asked before the score"
    world.human(9, "Fine")
    before = {name: part for name, part in result(world).items() if name != "questions"}
    rows = {table: len(world.rows(table)) for table in (OutboxRow, ResponseRevision)}
    letters, followups = len(world.letters()), len(world.followups())
    assert give(world, speed="1", what="o2", words=" Call more ").status == "done"
    assert kept(world) == {"speed": ("1", 1), "what": ("o2", 1), "words": ("Call more", 1)}
    assert give(world, speed="2", words="").status == "done"
    assert kept(world) == {"speed": ("2", 1), "what": ("o2", 1), "words": ("", 1)}
    found = result(world)
    assert {name: part for name, part in found.items() if name != "questions"} == before
    assert rows == {table: len(world.rows(table)) for table in rows}
    assert (letters, followups) == (len(world.letters()), len(world.followups()))
    assert [(one["key"], one["n"]) for one in found["questions"]] == [("speed", 1), ("what", 1)]
    earlier = world.rows(ExtraAnswer, question="speed")[0].earlier
    assert [(one["value"], one["by"]) for one in earlier] == [("1", "client")]
    page = survey.page(world.deps, world.token)
    assert (page.score, page.extra.said) == (9, {"speed": "2", "what": "o2"})


def test_what_no_person_has_proven_is_held(world: World) -> None:
    """A program's post is kept apart, changes nothing a person said, and counts once the person or staff confirm it."""
    world.human(8)
    give(world, speed="4")
    asked = give(world, touch=False, speed="1", words="spam")
    assert asked.status == "needs_confirmation"
    assert (kept(world), kept(world, "held")) == (
        {"speed": ("4", 1)},
        {"speed": ("1", 1), "words": ("spam", 1)},
    )
    assert survey.page(world.deps, world.token).extra.said == {"speed": "4"}
    form = form_of(survey.page(world.deps, world.token).extra.asked, {"speed": "1", "words": "spam"})
    again = extra_answers.give(world.deps, world.token, form, proof=asked.confirm, user_agent=BROWSER)
    assert again.status == "needs_confirmation", "the value of the confirmation serves only the ticked box"
    world.clock.advance(seconds=5)
    sure = extra_answers.give(
        world.deps, world.token, form, proof=again.confirm, sure=True, user_agent=BROWSER
    )
    assert sure.status == "done"
    assert (kept(world), kept(world, "held")) == ({"speed": ("1", 1), "words": ("spam", 1)}, {})
    replayed = extra_answers.give(
        world.deps,
        world.token,
        form_of((), {"speed": "5"}),
        proof=again.confirm,
        sure=True,
        user_agent=BROWSER,
    )
    assert replayed.status == "needs_confirmation"
    assert kept(world)["speed"] == ("1", 1)
    assert give(world, speed="9").problems == {"q-speed": "not_an_option"}
    assert give(world, touch=False).status == "done", "nothing said is nothing to confirm"


def test_an_answer_knows_the_text_it_answered(world: World) -> None:
    """A changed wording is a new version; a form that lay open keeps its own; one that comes back is the old one."""
    world.human(7)
    page = survey.page(world.deps, world.token)
    asks(world, replace(SPEED, texts={"en": "How fast are we?"}), WORDS)
    old = form_of(page.extra.asked, {"speed": "3", "what": "o1"})
    world.clock.advance(seconds=5)
    gesture = {"type": "keydown", "trusted": "true", "purpose": "extra"}
    proof = survey.prove(world.deps, world.token, page.nonce, gesture, user_agent=BROWSER) or ""
    assert extra_answers.give(world.deps, world.token, old, proof=proof, user_agent=BROWSER).status == "done"
    assert kept(world) == {"speed": ("3", 1), "what": ("o1", 1)}
    assert give(world, speed="3").status == "done"
    assert kept(world)["speed"] == ("3", 1), "the same answer again still is the answer to the old text"
    assert give(world, speed="5").status == "done"
    assert kept(world)["speed"] == ("5", 2)
    asks(world, SPEED)
    assert [(row.key, row.version) for row in world.rows(QuestionVersion)] == [
        ("speed", 1), ("what", 1), ("words", 1), ("speed", 2),
    ]  # fmt: skip
    with reading(world.deps.sessions) as session:
        assert [one.version for one in questions.current(session, world.portal.id)] == [1]
        fields = questions.for_desk(session, world.portal.id, "ru", {"q-speed": "4"})
        assert [(one.text, one.name, one.shown, one.value) for one in fields] == [
            ("Скорость?", "q-speed", "v-speed", "4")
        ]


def test_staff_write_down_and_correct_extra_answers(world: World) -> None:
    """Beside an answer by word of mouth, and with a reason afterwards; what stood before stays with its author."""
    invitation = world.invitation(7)
    form = {"score": "6", "comment": "", **form_of((), {"speed": "2", "what": ""})}
    told = corrections.record(
        world.deps,
        world.portal.id,
        CLIENT,
        invitation.id,
        {**form, "q-speed": "8"},
        channel="phone",
        who="Boris",
    )
    assert told.problems == (("q-speed", "not_an_option"),)
    assert world.response() is None
    done = corrections.record(
        world.deps, world.portal.id, CLIENT, invitation.id, form, channel="phone", who="Boris"
    )
    assert (done.status, kept(world)) == ("counted", {"speed": ("2", 1)})
    response = world.response()
    assert response is not None
    corrected = corrections.correct(
        world.deps, world.portal.id, CLIENT, response.id, {**form, "q-speed": "3", "reason": "misheard"},
        seen=response.revision, who="Ada",
    )  # fmt: skip
    assert corrected == "done"
    row = world.rows(ExtraAnswer)[0]
    assert (row.value, row.recorded_by, row.earlier[0]["value"], row.earlier[0]["by"], row.earlier[0]["reason"]) == (
        "3", "Ada", "2", "Boris", "misheard",
    )  # fmt: skip
    assert len(world.revisions()) == 1, "the score was not touched"
    give(world, words="Said since the form was opened")
    stale = {"q-speed": "3", "w-speed": "3", "q-words": "", "w-words": "", "q-what": "o1", "w-what": ""}
    again = {**form, **stale, "score": "7", "reason": "he called"}
    assert corrections.correct(
        world.deps, world.portal.id, CLIENT, response.id, again, seen=response.revision, who="Ada"
    ) == "done"  # fmt: skip
    assert kept(world) == {
        "speed": ("3", 1),
        "words": ("Said since the form was opened", 1),
        "what": ("o1", 1),
    }


def test_the_time_to_correct_ends(world: World) -> None:
    """Extra answers can be changed as long as the answer itself (`edit_days`), and no longer."""
    world.human(10)
    give(world, speed="5")
    world.clock.advance(days=15)
    assert give(world, speed="1").status == "closed"
    assert kept(world)["speed"] == ("5", 1)
    assert survey.page(world.deps, world.token).extra.asked == ()


def test_surveys_are_compared_question_by_question(world: World) -> None:
    """Means, shares and their change stand apart from NPS, only from `min_group` answers on, and say whether people
    were asked the same."""
    world.human(9)
    world.human(3, token=world.tokens[8])
    give(world, speed="5", what="o1")
    give(world, token=world.tokens[8], speed="3", words="Slow")
    before(world, {"speed": [1, 2, 2, 1, 2], "what": ["o1", "o1", "o2"]}, version=1)
    found = {one["key"]: one for one in result(world)["questions"]}
    assert found["speed"]["counts"] == {"3": 1, "5": 1}
    assert found["speed"]["before"] == {
        "wave": "2025", "comparable": True, "kept": True, "n": 5, "counts": {"1": 2, "2": 3},
    }  # fmt: skip
    few = question_numbers.figures(found["speed"], 5)
    assert (few.n, few.enough, few.mean, few.parts, few.moved) == (2, False, None, (), None)
    enough = question_numbers.figures(found["speed"], 2)
    assert enough.mean is not None
    assert enough.moved is not None
    assert (enough.mean.value, enough.moved.difference) == (4.0, pytest.approx(2.4))
    what = question_numbers.figures(found["what"], 1)
    assert [(part.code, part.n, part.share) for part in what.parts] == [("o1", 1, 1.0), ("o2", 0, 0.0)]
    assert question_numbers.figures(found["what"], 3).moved is None
    assert (found["words"]["n"], found["words"]["counts"]) == (1, {})
    asks(world, replace(SPEED, texts={"en": "How fast?"}), replace(WHAT, kind="scale_10", options=()))
    give(world, speed="4", what="7")
    changed = [one for one in result(world)["questions"] if one["key"] in ("speed", "what")]
    assert [(one["key"], one["kind"], one["reworded"]) for one in changed] == [
        ("speed", "scale_5", True), ("what", "scale_10", False),
    ]  # fmt: skip
    assert [(one["before"]["comparable"], one["before"]["kept"]) for one in changed] == [
        (True, False),
        (False, False),
    ]


def before(world: World, given: Mapping[str, list[Any]], version: int) -> None:
    """A survey of the year before with these extra answers."""
    with transaction(world.deps.sessions) as session:
        pid, at = world.portal.id, world.clock.now() - timedelta(days=365)
        wave = Wave(portal_id=pid, name="2025", stage="closed", policy_version=1, plan={}, planned_at=at)
        session.add(wave)
        session.flush()
        line = WaveClient(
            portal_id=pid, wave_id=wave.id, client_kind="company", client_id=12, name="ACME", eligible=True
        )
        session.add(line)
        session.flush()
        for number in range(max(map(len, given.values()))):
            asked = Invitation(
                portal_id=pid,
                wave_id=wave.id,
                wave_client_id=line.id,
                contact_id=100 + number,
                token=f"old-{number}",
            )
            session.add(asked)
            session.flush()
            response = survey_world.Response(
                portal_id=pid, wave_id=wave.id, invitation_id=asked.id, score=9, status="counted", channel="email",
                answered_at=at,
            )  # fmt: skip
            session.add(response)
            session.flush()
            for key, values in given.items():
                if number < len(values):
                    session.add(
                        ExtraAnswer(
                            portal_id=pid, wave_id=wave.id, response_id=response.id, question=key, version=version,
                            value=str(values[number]), answered_at=at,
                        )
                    )  # fmt: skip


def test_a_person_gets_and_loses_extra_answers(world: World) -> None:
    """Export names question and answer as they were; erasure takes the words and their history, and leaves marks."""
    world.human(9)
    give(world, speed="5", words="My boss Ann is late")
    give(world, speed="4", words="My boss Ann")
    give(world, touch=False, what="o1")
    found = privacy.export(world.deps, world.portal.id, 7)
    assert found is not None
    told = [(one["question"], one["answer_text"], one["status"]) for one in found["extra_answers"]]
    assert told == [
        ("Speed?", "4", "counted"),
        ("What else?", "My boss Ann", "counted"),
        ("What matters?", "Price", "held"),
    ]
    assert found["extra_answers"][1]["versions"][0]["value"] == "My boss Ann is late"
    privacy.erase(world.deps, world.portal.id, 7, survey_world.HEAD)
    left = world.rows(ExtraAnswer)
    assert [(row.question, row.value, row.earlier) for row in left] == [("speed", "4", []), ("words", "", [])]


def test_every_response_names_the_text_it_answered(world: World) -> None:
    """The page's language even where the agency writes no letters in it, also after a machine's held answer; a talk
    names no text that nobody read out."""
    world.policy(languages=["en", "ru"])
    world.post(3, language="en")
    world.human(9, language="uk")
    assert [row.wording for row in world.rows(survey_world.Response)] == ["nps_question/1/uk"]
    assert world.invitation(7).language == "en"
    done = corrections.record(
        world.deps,
        world.portal.id,
        CLIENT,
        world.invitation(8).id,
        {"score": "7"},
        channel="in_person",
        who="Boris",
    )
    assert done.status == "counted"
    assert [row.wording for row in world.rows(survey_world.Response)] == ["nps_question/1/uk", "talk/en"]


def test_several_posts_at_once_leave_one_answer(world: World) -> None:
    """Two windows of one person and a caller at the same moment: one row per question, nothing lost without a trace."""
    world.human(9)
    page = survey.page(world.deps, world.token)
    world.clock.advance(seconds=5)
    gesture = {"type": "keydown", "trusted": "true", "purpose": "extra"}
    proofs = [
        survey.prove(world.deps, world.token, page.nonce, gesture, user_agent=BROWSER) or "" for _ in range(4)
    ]

    def post(place: int) -> str:
        form = form_of(page.extra.asked, {"speed": str(place + 1), "words": "Reports"})
        done = extra_answers.give(
            world.deps, world.token, form, proof=proofs[place], user_agent=BROWSER, language="en"
        )
        return done.status

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(post, range(4))) == {"done"}
    speed, words = world.rows(ExtraAnswer)
    assert {speed.value, *(one["value"] for one in speed.earlier)} == {"1", "2", "3", "4"}
    assert (words.value, words.earlier) == ("Reports", [])
