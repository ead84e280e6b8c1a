"""Extra questions on the call desk: in the client's language, kept beside the answer, never required (W8, W13)."""

from __future__ import annotations

from sqlalchemy import Engine

from integration.nps.questions import Question, to_json
from integration.store.base import make_sessions
from integration.store.questions import ExtraAnswer
from tests.conftest import HandClock
from tests.services import wave_world
from tests.services.calling import desk_world

SPEED = Question("speed", "scale_5", {"ru": "Как вам скорость?", "en": "Speed?"})
WORDS = Question("words", "text", {"ru": "Что ещё?"})


def test_a_caller_writes_down_extra_answers(one_engine: Engine, clock: HandClock) -> None:
    """What cannot be read is told before anything is stored; what is empty says nothing; a second save changes nothing,
    and another outcome takes no answers."""
    desk = desk_world.make(make_sessions(one_engine), clock, people={11: 1, 12: 1})
    policy = {**wave_world.POLICY, **desk_world.POLICY, "callers": [desk_world.ADA]}
    desk.world.policy(**policy, extra_questions=[to_json(SPEED), to_json(WORDS)])
    key = desk.taken()
    card = desk.page().card
    assert card is not None
    assert [(one.name, one.text, one.version) for one in card.questions] == [
        ("q-speed", "Как вам скорость?", 1), ("q-words", "Что ещё?", 1),
    ]  # fmt: skip
    given = {"score": "9", "v-speed": "1", "v-words": "1", "q-words": ""}
    wrong = desk.record(key, "answered", **given, **{"q-speed": "6"})
    assert wrong.status == "problem"
    assert wrong.problems == (("q-speed", "not_an_option"),)
    assert desk.world.rows(ExtraAnswer) == []
    assert desk.record(key, "answered", **given, **{"q-speed": "5"}).status == "done"
    assert desk.record(key, "answered", **given, **{"q-speed": "1"}).status == "again"
    row = desk.world.rows(ExtraAnswer)[0]
    assert (row.question, row.version, row.value, row.language, row.status) == (
        "speed",
        1,
        "5",
        "ru",
        "counted",
    )
    assert row.recorded_by.startswith("Caller 21")
    undone = desk.page().last
    assert undone is not None
    assert desk.undo(undone.attempt_id) == "done"
    row = desk.world.rows(ExtraAnswer)[0]
    assert (row.value, row.earlier[0]["value"]) == ("", "5"), "the answer takes them along"
    assert desk.call("no_answer", **{"q-speed": "3"}).status == "done"
    assert len(desk.world.rows(ExtraAnswer)) == 1
