"""Reading an answer from form values (product.md S1 to S3, W13)."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.questionnaire import (
    MAX_COMMENT,
    Answers,
    Problem,
    Problems,
    Wording,
    clean_text,
    parse_score,
    preselected,
    read,
)


@pytest.mark.parametrize("score", range(11))
def test_every_score_of_the_scale_is_read(score: int) -> None:
    """0 to 10, also with blanks around (W13)."""
    assert parse_score(str(score)) == score
    assert read({"score": f" {score}\n"}) == Answers(score, "")


@pytest.mark.parametrize(
    "text",
    ["", "11", "-1", "+7", "07", "7.0", "7,5", "1e1", "٧", "７", "10 0", "ten", "0x5", "None", "9" * 5000],
)
def test_nothing_else_is_a_score(text: str) -> None:
    """Not even what ``int()`` would take."""
    assert parse_score(text) is None
    assert isinstance(read({"score": text}), Problems)


def test_all_problems_are_told_at_once() -> None:
    """Score missing and comment too long, each at its field."""
    assert read({"comment": "x" * (MAX_COMMENT + 1)}) == Problems(
        (Problem("score", "missing"), Problem("comment", "too_long"))
    )
    assert read({"score": "11"}) == Problems((Problem("score", "not_a_score"),))


def test_the_longest_comment_is_kept_whole() -> None:
    """Those are the client's words: never cut."""
    assert read({"score": "9", "comment": "ы" * MAX_COMMENT}) == Answers(9, "ы" * MAX_COMMENT)


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("  Good.\r\nThanks\r\n\r\n\r\n\r\nBye  ", "Good.\nThanks\n\nBye"),
        ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
        ("abc\u202edcba\u2066", "abcdcba"),
        ("line\u2028two\x85three", "line\ntwo\nthree"),
        ("👩\u200d💻 «супер» ’n", "👩\u200d💻 «супер» ’n"),
        ("e\u0301", "é"),
        ("\ud800x\ufeff", "x"),
        ("tab\tstays", "tab\tstays"),
        (" \n\t ", ""),
    ],
)
def test_control_characters_go_words_stay(given_text: str, kept: str) -> None:
    """Line ends are one kind, direction marks and half characters are gone, emoji hold together."""
    assert clean_text(given_text) == kept


@given(st.text())
def test_cleaned_text_is_clean_and_stays_so(text: str) -> None:
    """No control characters but line ends and tabs; storable as UTF-8; cleaning twice changes nothing."""
    kept = clean_text(text)
    assert clean_text(kept) == kept
    assert kept.encode("utf-8").decode("utf-8") == kept
    assert all(unicodedata.category(c)[0] != "C" or c in "\n\t\u200c\u200d" for c in kept)
    assert "\n\n\n" not in kept


@given(st.dictionaries(st.sampled_from(["score", "comment", "x"]), st.text()))
def test_any_form_gives_an_answer_or_problems(values: dict[str, str]) -> None:
    """Never an exception, never an empty list of problems."""
    found = read(values)
    assert isinstance(found, Answers) or found.problems


@pytest.mark.parametrize(
    ("value", "score"), [("7", 7), ("0", 0), ("10", 10), ("11", None), ("", None), (None, None)]
)
def test_the_button_of_the_letter_preselects(value: str | None, score: int | None) -> None:
    """``?score=0…10``; anything else ticks nothing (S1)."""
    assert preselected(value) == score


def test_a_wording_is_named_by_text_version_and_language() -> None:
    """So that a response knows the text it answered (W13)."""
    assert Wording(2, "uk").id == "nps_question/2/uk"
