"""Own words of letters: what may stand in them, and what becomes of their places (product.md W5, W13, W20)."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps import wording
from integration.nps.intents import LetterKind
from integration.nps.wording import OwnText

GOOD = OwnText("Вопрос — {agency}", "{greeting}\n\n{judged}\n\n{question}\n\nСпасибо!")
VALUES = {
    "first_name": "Анна", "client": "Ромашка", "service": "Сайт", "team": "Иван, Мария", "agency": "Ветер",
    "greeting": "Анна, здравствуйте!", "judged": "Мы о сайте.", "reader": "", "closing_day": "30 октября",
}  # fmt: skip


def codes(letter: LetterKind, text: OwnText) -> list[tuple[str, str]]:
    return [(problem.field, problem.code) for problem in wording.problems(letter, text)]


def body(text: str, letter: LetterKind = "reminder") -> list[str]:
    return [code for field, code in codes(letter, OwnText("Тема", text)) if field == "body"]


def test_every_letter_but_the_test_can_be_worded() -> None:
    assert set(wording.EDITABLE) == set(get_args(LetterKind)) - {"test"}


def test_a_good_text_has_no_problems() -> None:
    assert codes("invitation", GOOD) == []


def test_each_letter_has_its_own_places() -> None:
    assert "mailing_day" in wording.places("announcement")
    assert "mailing_day" not in wording.places("reminder")
    assert wording.places("invitation")["promised"] == "sentence"
    assert all("question" not in wording.places(kind) for kind in wording.EDITABLE)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{question}", "empty"),
        ("{judged}", "one_question"),
        ("{judged}\n\n{question}\n\n{question}", "one_question"),
        ("{judged} {question}", "one_question"),
        ("{judged}\n\n{question}\n\n{klient}", "unknown_place"),
        ("{judged}\n\n{question}\n\n{mailing_day}", "wrong_place"),
        ("{judged}\n\n{question}\n\n{имя}", "broken_brace"),
        ("{judged}\n\n{question}\n\nfoo } bar", "broken_brace"),
        ("{judged}\n\n{question}\n\n{{client}}", "broken_brace"),
        ("{judged}\n\n{question}\n\n<b>важно</b>", "markup"),
        ("{judged}\n\n{question}\n\n<!-- x -->", "markup"),
        ("Ответьте.\n\n{question}", "needs"),
        ("{judged}\n\n{question}\n\n" + "я" * 4000, "too_long"),
    ],
)
def test_what_cannot_be_sent_is_named(text: str, code: str) -> None:
    assert body(text) == [code]


def test_a_letter_that_does_not_ask_has_no_question() -> None:
    assert body("Спасибо!\n\n{question}", "thanks_passive") == ["one_question"]
    assert body("Спасибо!", "thanks_passive") == []


def test_an_announcement_says_when_and_about_whom() -> None:
    assert body("Скоро спросим.", "announcement") == ["needs", "needs"]
    assert body("{mailing_day} спросим о {service}.", "announcement") == []


@pytest.mark.parametrize(
    ("subject", "code"),
    [("", "empty"), ("я" * 151, "too_long"), ("{greeting}", "not_in_subject"), ("{x}", "unknown_place"),
     ("Вопрос {", "broken_brace"), ("<b>", "markup")],
)  # fmt: skip
def test_a_subject_is_short_and_has_facts_only(subject: str, code: str) -> None:
    assert codes("invitation", OwnText(subject, GOOD.body)) == [("subject", code)]


def test_less_than_signs_and_numbers_are_words() -> None:
    assert body("{judged} Ответ < 10 секунд, 5 > 3.\n\n{question}") == []


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("{first_name}, добрый день!", "Анна, добрый день!"),
        ("Раз. {reader} Два.", "Раз. Два."),
        ("Раз. Читает {reader}. Два.", "Раз. Два."),
        ("{reader}\n\nДва.", "Два."),
        ("Раз.\nЧитает {reader}.\nДва.", "Раз.\nДва."),
        ("{greeting} {judged}", "Анна, здравствуйте! Мы о сайте."),
        ("Пишет А. Петров о «{service}».", "Пишет А. Петров о «Сайт»."),
        ("Так… {client} ждёт? Да!", "Так… Ромашка ждёт? Да!"),
    ],
)
def test_places_are_filled_and_sentences_without_their_fact_are_left_out(text: str, written: str) -> None:
    assert wording.filled(text, VALUES) == written


def test_quotation_marks_give_way_to_those_of_the_name() -> None:
    assert wording.filled("Это «{client}».", {"client": "ООО «Ромашка»"}) == "Это ООО «Ромашка»."
    assert wording.filled("It is “{client}”.", {"client": "Daisy"}) == "It is “Daisy”."


def test_a_place_nobody_can_fill_is_an_error() -> None:
    with pytest.raises(KeyError):
        wording.filled("{closing_day}", {})


@given(st.text())
def test_no_value_adds_a_line_a_place_or_a_mark_of_direction(value: str) -> None:
    written = wording.filled("Перед {client} после.\n\nКонец.", {"client": value, "agency": "XYZZY"})
    assert "XYZZY" not in written
    assert written.count("\n") in (0, 2)
    assert written.endswith("Конец.")
    assert not set(written) & set("\r\x00\u202e\u2066\u200f\u2028")


@given(st.text(), st.text())
def test_cleaning_twice_is_cleaning_once_and_keeps_the_verdict(subject: str, words: str) -> None:
    once = wording.cleaned(OwnText(subject, words))
    assert wording.cleaned(once) == once
    assert "\n" not in once.subject
    assert wording.problems("invitation", once) == wording.problems("invitation", wording.cleaned(once))


@given(st.text(alphabet="аб \n{}<"), st.text(alphabet="вг \n."))
def test_the_two_parts_of_a_letter_come_back_as_they_were(before: str, after: str) -> None:
    whole = wording.cleaned(OwnText("x", wording.joined(before, after)))
    parts = wording.cleaned(OwnText("x", before)).body, wording.cleaned(OwnText("x", after)).body
    assert wording.parted(whole.body) == parts
