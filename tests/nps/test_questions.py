"""Extra questions: their wording by version, what can be asked, and reading answers (product.md W13)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps import questions as rules
from integration.nps.policy import Policy
from integration.nps.policy_changes import merge
from integration.nps.policy_hints import hints
from integration.nps.policy_json import from_json, to_json
from integration.nps.questions import Given, Option, Question, Wrong, read_answers

SPEED = Question("speed", "scale_5", {"ru": "Скорость?", "en": "Speed?"}, version=2)
GOALS = Question("goals", "scale_10", {"ru": "Понимание?"}, version=1)
AGAIN = Question("again", "yes_no", {"ru": "Ещё раз?"}, version=1)
WHAT = Question(
    "what", "choice", {"ru": "Что важнее?"},
    (Option("o1", {"ru": "Цена", "en": "Price"}), Option("o2", {"ru": "Сроки"})), version=3,
)  # fmt: skip
WORDS = Question("words", "text", {"ru": "Что ещё?"}, version=1)
ALL = (SPEED, GOALS, AGAIN, WHAT, WORDS)
POLICY = Policy(language="ru", languages=("ru", "en"))


def test_answers_are_read_as_they_were_given() -> None:
    """Each kind takes its own values and nothing else; what is not there says nothing, an empty value takes back."""
    read, wrong = read_answers(
        ALL,
        {"q-speed": "5", "q-goals": "0", "q-again": "yes", "q-what": "o2", "q-words": "  Больше\r\nзвонков "},
    )
    assert wrong == ()
    assert read == (
        Given("speed", 2, "5"), Given("goals", 1, "0"), Given("again", 1, "yes"), Given("what", 3, "o2"),
        Given("words", 1, "Больше\nзвонков"),
    )  # fmt: skip
    assert read_answers(ALL, {"score": "9", "q-other": "1"}) == ((), ())
    assert read_answers(ALL, {"q-speed": ""}) == ((Given("speed", 2, ""),), ())
    bad = {"q-speed": "6", "q-goals": "11", "q-again": "maybe", "q-what": "o3", "q-words": "ы" * 1001}
    assert read_answers(ALL, bad) == (
        (), (*(Wrong(key, "not_an_option") for key in ("speed", "goals", "again", "what")), Wrong("words", "too_long")),
    )  # fmt: skip
    for value in ("0", "05", "5.0", "٥", "+5", "10"):
        assert read_answers((SPEED,), {"q-speed": value})[1] == (Wrong("speed", "not_an_option"),), value


@given(st.dictionaries(st.sampled_from([f"q-{one.key}" for one in ALL]), st.text()))
def test_whatever_is_posted_is_either_a_possible_answer_or_a_problem(form: dict[str, str]) -> None:
    """No posted text breaks the reading, and nothing that is not offered is ever taken."""
    read, wrong = read_answers(ALL, form)
    assert len(read) + len(wrong) == len(form)
    kinds = {one.key: one for one in ALL}
    for one in read:
        assert not one.value or one.value in kinds[one.key].values or kinds[one.key].kind == "text"


def test_a_text_that_is_missing_is_shown_in_the_main_language() -> None:
    """A question always has words: the wanted language, the agency's main one, any."""
    assert SPEED.text("en") == "Speed?"
    assert GOALS.text("uk", "ru") == "Понимание?" == GOALS.text("en")
    assert WHAT.label("o1", "en") == "Price"
    assert WHAT.label("o2", "en", "ru") == "Сроки"
    assert WHAT.label("gone", "en") == "gone"


def test_the_wording_is_the_same_until_people_are_asked_something_else() -> None:
    """A translation that comes later changes nothing; another text, scale or list of answers does."""
    assert rules.same_wording(SPEED, replace(SPEED, version=5, texts={**SPEED.texts, "uk": "Швидкість?"}))
    assert not rules.same_wording(SPEED, replace(SPEED, texts={"ru": "Как скорость?"}))
    assert not rules.same_wording(SPEED, replace(SPEED, texts={"uk": "Швидкість?"}))
    assert not rules.same_wording(SPEED, replace(SPEED, kind="scale_10"))
    assert not rules.same_wording(WHAT, replace(WHAT, options=WHAT.options[:1]))
    assert not rules.same_wording(
        WHAT, replace(WHAT, options=(Option("o1", {"ru": "Деньги"}), WHAT.options[1]))
    )


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ((SPEED, SPEED), "question_twice"),
        ((replace(SPEED, key="Q-1"),), "question_key"),
        ((replace(SPEED, texts={"en": "Speed?"}),), "question_text"),
        ((replace(SPEED, texts={"ru": "ы" * 201}),), "question_long"),
        ((replace(WHAT, options=WHAT.options[:1]),), "option_count"),
        ((replace(WHAT, options=tuple(Option(f"o{n}", {"ru": f"{n}"}) for n in range(8))),), "option_count"),
        ((replace(WHAT, options=(Option("o1", {"en": "A"}), WHAT.options[1])),), "option_text"),
        ((replace(WHAT, options=(Option("o1", {"ru": "ы" * 81}), WHAT.options[1])),), "option_long"),
        ((replace(WHAT, options=(Option("o1", {"ru": "сроки"}), WHAT.options[1])),), "option_twice"),
        ((replace(WHAT, options=(WHAT.options[1], WHAT.options[1])),), "option_code"),
        (tuple(replace(SPEED, key=f"q{n}") for n in range(5)), "too_many"),
    ],
)
def test_what_cannot_be_asked_is_refused(changed: tuple[Question, ...], code: str) -> None:
    found = replace(POLICY, extra_questions=changed).problems()
    assert code in {one.code for one in found if one.field == "extra_questions"}
    assert not [
        one for one in replace(POLICY, extra_questions=ALL[:4]).problems() if one.field == "extra_questions"
    ]


def test_a_missing_translation_is_a_hint_for_questions_that_are_asked() -> None:
    asked = replace(POLICY, extra_questions=(SPEED, GOALS, replace(AGAIN, on=False)))
    told = [one.params for one in hints(asked) if one.field == "extra_questions"]
    assert told == [{"question": 2, "language": "en"}]


def test_settings_with_questions_survive_the_database() -> None:
    """What is stored comes back; a row nobody can read keeps the default and is reported."""
    policy = replace(POLICY, extra_questions=tuple(replace(one, version=0) for one in ALL[:4]))
    assert from_json(to_json(policy)) == (policy, [])
    for broken in (
        [{"kind": "scale_5"}],
        [{"key": "a", "kind": "stars"}],
        [{"key": "a", "kind": "text", "on": 1}],
        "x",
    ):
        read, wrong = from_json({"extra_questions": broken})
        assert read.extra_questions == ()
        assert [one.field for one in wrong] == ["extra_questions"]


def test_two_administrators_change_different_questions() -> None:
    """Both changes stand, in the order of whoever moved them; the same question changed twice is a conflict."""
    was = replace(POLICY, extra_questions=(SPEED, GOALS))
    text = replace(SPEED, texts={"ru": "Как быстро?"})
    mine = replace(was, extra_questions=(GOALS, SPEED, AGAIN))
    theirs = replace(was, extra_questions=(text, GOALS))
    done = merge(was, mine, theirs)
    assert not done.conflicts
    assert done.policy.extra_questions == (GOALS, text, AGAIN)
    other = replace(was, extra_questions=(replace(SPEED, on=False), GOALS))
    assert [one.name for one in merge(was, theirs, other).conflicts] == ["extra_questions"]


def test_a_name_is_never_given_twice() -> None:
    assert rules.next_code([]) == "q1"
    assert rules.next_code(["speed", "q1", "q7", "qx"]) == "q8"
    assert rules.next_code(["o2", "o10"], "o") == "o11"
