"""Letters as texts: complete in three languages, safe, small, and true to their facts."""

from __future__ import annotations

import re
from itertools import product
from typing import Any, get_args

import pytest

from integration.mail.render import TEMPLATES, MissingFact, letters, render
from integration.nps.intents import LetterKind

FACTS: dict[str, Any] = {
    "first_name": "Анна",
    "person": "Анна Коваль",
    "client": "Ромашка",
    "service": "Сопровождение",
    "team": ["Иван Петров", "Мария Сом"],
    "sender_name": "Ольга Лис",
    "sender_position": "директор",
    "sender_phone": "+7 495 000-00-00",
    "agency": "Северный ветер",
    "survey_url": "https://m.example.com/s/TOKEN",
    "unsubscribe_url": "https://m.example.com/u/TOKEN",
    "mailing_day": "2026-10-12",
    "closing_day": "2026-10-30",
    "head_name": "Пётр Сом",
}
LANGUAGES = ("ru", "uk", "en")
ASKING = ("invitation", "reminder", "last_reminder")


def test_every_letter_the_rules_can_name_has_its_texts_in_every_language() -> None:
    assert set(letters()) == set(get_args(LetterKind))
    for letter, language in product(letters(), LANGUAGES):
        assert {f.name for f in (TEMPLATES / letter / language).iterdir()} == {
            "subject.txt",
            "body.txt",
            "body.html",
        }


@pytest.mark.parametrize(("letter", "language"), list(product(ASKING, LANGUAGES)))
def test_a_letter_that_asks_has_eleven_buttons_in_html_and_eleven_links_in_text(
    letter: str, language: str
) -> None:
    found = render(letter, language, FACTS)
    wanted = [f"https://m.example.com/s/TOKEN?score={n}" for n in range(11)]
    assert re.findall(r'href="([^"]*score=\d+)"', found.html) == wanted
    assert re.findall(r"https://\S*score=\d+", found.text) == wanted
    for word in ("Сопровождение", "Иван Петров", "Мария Сом", "Ольга Лис", "директор", "+7 495 000-00-00"):
        assert word in found.html
        assert word in found.text
    assert "Северный ветер" in found.subject


@pytest.mark.parametrize(("letter", "language"), list(product(sorted(get_args(LetterKind)), LANGUAGES)))
def test_html_is_small_styled_inline_and_loads_nothing_from_elsewhere(letter: str, language: str) -> None:
    html = render(letter, language, FACTS).html
    assert len(html.encode()) < 25_000
    assert not re.search(r"<(img|script|link|table|iframe)\b", html)
    assert all(
        address.startswith("https://m.example.com/")
        for address in re.findall(r'(?:href|src)="([^"]*)"', html)
    )
    assert f'lang="{language}"' in html
    assert "prefers-color-scheme: dark" in html
    assert 'class="sheet"' in html
    assert "max-width: 560px" in html.split("<body", 1)[1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_buttons_are_at_least_44_pixels_and_fit_a_narrow_screen(language: str) -> None:
    html = render("invitation", language, FACTS).html
    style = re.search(r'class="score"[^>]*style="([^"]*)"', html)
    assert style is not None
    sizes = {name: int(value) for name, value in re.findall(r"(width|height): (\d+)px", style[1])}
    border = 2
    assert sizes["height"] + border >= 44
    assert 6 * (sizes["width"] + border + 4) + 2 * 16 <= 320


def test_what_a_card_holds_never_becomes_markup() -> None:
    wild = {**FACTS, "client": "<script>alert(1)</script>", "first_name": '"><b>', "team": ["<i>"]}
    for letter, language in product(letters(), LANGUAGES):
        html = render(letter, language, wild).html
        assert "<script" not in html
        assert "<b>" not in html
        assert "<i>" not in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_days_are_written_as_people_say_them(language: str) -> None:
    found = render("announcement", language, FACTS)
    expected = {"ru": "12 октября", "uk": "12 жовтня", "en": "12 October"}[language]
    assert expected in found.subject
    assert expected in found.text
    assert "2026" not in found.text


def test_without_optional_facts_no_sentence_is_left_hanging() -> None:
    bare = {
        k: v
        for k, v in FACTS.items()
        if k not in ("first_name", "client", "service", "team", "sender_phone", "head_name")
    }
    for letter, language in product(letters(), LANGUAGES):
        text = render(letter, language, bare).text
        assert "None" not in text
        assert "«»" not in text
        assert not re.search(r" [.,:;]", text.replace("-- ", ""))
        assert "\n\n\n" not in text


def test_a_name_with_the_word_agency_in_it_is_not_doubled() -> None:
    for language, words, once in (
        ("ru", "Агентство «Полдень»", "работает с нами (Агентство «Полдень»)."),
        ("ru", "Полдень", "работает с агентством «Полдень»."),
        ("uk", "Рекламна агенція «Південь»", "працює з нами (Рекламна агенція «Південь»)."),
        ("uk", "Південь", "працює з агентством «Південь»."),
    ):
        assert once in render("invitation", language, {**FACTS, "agency": words}).text


def test_a_missing_fact_is_named() -> None:
    with pytest.raises(MissingFact, match="sender_name"):
        render("invitation", "ru", {k: v for k, v in FACTS.items() if k != "sender_name"})


def test_a_letter_that_does_not_exist_is_an_error() -> None:
    for name in ("nothing", "shared"):
        with pytest.raises(LookupError):
            render(name, "ru", FACTS)


def test_who_reads_the_answers_is_said_in_the_right_person() -> None:
    head = render("announcement", "en", {**FACTS, "head_signs": True}).text
    other = render("announcement", "en", FACTS).text
    assert "I read every answer myself" in head
    assert "Пётр Сом reads every answer" in other


def test_a_language_nobody_translated_falls_back_to_english() -> None:
    assert render("invitation", "de", FACTS) == render("invitation", "en", FACTS)
