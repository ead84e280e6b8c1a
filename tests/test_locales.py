"""Texts are complete in ru, uk and en, and each language is itself (product.md P6, S4)."""

from __future__ import annotations

import re
import string
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog, Message
from hypothesis import given
from hypothesis import strategies as st

from integration import i18n
from integration.i18n import LANGUAGES
from integration.locales import collect

USED = collect.messages()
CATALOGUES: dict[str, Catalog] = {language: collect.read(language) for language in LANGUAGES}
BRANDS = {"Molva", "NPS", "Bitrix24"}


def _first(message: collect.MessageId) -> str:
    return message if isinstance(message, str) else message[0]


def _texts(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


def _entries(language: str) -> list[Message]:
    return [message for message in CATALOGUES[language] if message.id]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_the_code_uses_stands_in_the_catalogue(language: str) -> None:
    missing = []
    for used in USED:
        entry = CATALOGUES[language].get(_first(used))
        if (
            entry is None
            or not all(_texts(entry))
            or entry.fuzzy
            or isinstance(entry.id, str) != isinstance(used, str)
        ):
            missing.append(used)
    assert missing == [], "run python -m integration.locales.collect and translate"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogue_holds_nothing_that_nobody_uses(language: str) -> None:
    known = {message if isinstance(message, str) else tuple(message) for message in USED}
    assert [entry.id for entry in _entries(language) if entry.id not in known] == []


def test_the_collector_sees_calls_in_f_strings_tables_and_templates() -> None:
    source = (
        'X = mark("one")\ndef f(l, n):\n    return'
        ' f"{text(l, \'two\')}" + i18n.plural(l, "{n} a", "{n} b", n) + text(l, X)'
    )
    assert set(collect.in_code(source)) == {"one", "two", ("{n} a", "{n} b")}
    assert any(
        "templates/survey/_form.html" in name for name in USED["What is the main reason for your score?"]
    )


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_have_the_places_of_their_message(language: str) -> None:
    for entry in _entries(language):
        ids = [entry.id] if isinstance(entry.id, str) else entry.id
        wanted = set().union(*map(_places, ids))
        for translated in _texts(entry):
            assert translated in ids or _places(translated) == wanted, (language, entry.id)


@pytest.mark.parametrize("language", LANGUAGES)
def test_plurals_have_every_form_of_the_language(language: str) -> None:
    forms = {"ru": 3, "uk": 3, "en": 2}[language]
    assert CATALOGUES[language].num_plurals == forms
    for entry in _entries(language):
        if entry.pluralizable:
            assert len(_texts(entry)) == forms, entry.id


def test_ukrainian_is_ukrainian() -> None:
    for entry in _entries("uk"):
        for translated in _texts(entry):
            assert not re.search("[ыэёъ]", translated, re.I), translated


def test_russian_is_russian() -> None:
    for entry in _entries("ru"):
        for translated in _texts(entry):
            assert not re.search("[іїєґ]", translated, re.I), translated


def _alphabetic(text: str) -> str:
    bare = re.sub(r"\{\w+\}|" + "|".join(BRANDS), "", text)
    return re.sub(r"[^\w]+", " ", bare).strip()


ALIKE = (
    "точно не порекомендую"  # the lower end of the scale, as the letters say it: both languages do so alike
)


def test_the_ukrainian_catalogue_is_not_the_russian_one() -> None:
    both = [(_texts(a), _texts(CATALOGUES["ru"].get(_first(a.id)))) for a in _entries("uk")]  # type: ignore[arg-type]
    wordy = [(uk, ru) for uk, ru in both if _alphabetic(uk[0])]
    same = [uk for uk, ru in wordy if uk == ru]
    assert len(same) < len(wordy) / 10
    long = [text for text in same if len(_alphabetic(text[0]).split()) > 2]
    assert [text for text in long if not text[0].endswith(ALIKE)] == []


@pytest.mark.parametrize("language", ["ru", "uk"])
def test_translations_are_not_left_in_english(language: str) -> None:
    left = [entry.id for entry in _entries(language) for translated in _texts(entry)
            if _alphabetic(translated) and not re.search("[а-яіїєґё]", translated, re.I)]  # fmt: skip
    assert left == []


DEALS = [
    (0, "0 сделок", "0 угод"),
    (1, "1 сделка", "1 угода"),
    (2, "2 сделки", "2 угоди"),
    (5, "5 сделок", "5 угод"),
    (11, "11 сделок", "11 угод"),
    (21, "21 сделка", "21 угода"),
    (112, "112 сделок", "112 угод"),
]


@pytest.mark.parametrize(("n", "ru", "uk"), DEALS)
def test_numbers_choose_the_word_form(n: int, ru: str, uk: str) -> None:
    assert i18n.plural("ru", "{n} deal", "{n} deals", n) == ru
    assert i18n.plural("uk", "{n} deal", "{n} deals", n) == uk


def test_an_unknown_message_is_shown_in_english_and_values_are_never_formatted_again() -> None:
    assert i18n.text("ru", "No such {thing}", thing="{x}") == "No such {x}"
    assert i18n.text("uk", "Hello, {name}!", name="{secret!r}") == "{secret!r}, вітаємо!"
    with pytest.raises(KeyError):
        i18n.text("en", "Hello, {name}!", other=1)


@pytest.mark.parametrize(("code", "language"), [("ua", "uk"), ("ru", "ru"), ("en", "en"), ("UA", "uk"), ("kz", "ru"),
                                                ("br", "en"), ("", "en")])  # fmt: skip
def test_portal_codes_are_not_iso(code: str, language: str) -> None:
    assert i18n.language_of(code) == language


def test_our_languages_go_back_to_portal_codes() -> None:
    assert [i18n.portal_code(language) for language in LANGUAGES] == ["ru", "ua", "en"]


@given(st.text(max_size=12))
def test_any_code_leads_to_a_language_we_speak(code: str) -> None:
    assert i18n.language_of(code) in LANGUAGES
    assert i18n.known(code) in LANGUAGES
    assert i18n.catalogue(i18n.known(code)).gettext("Thank you!")


@given(st.integers(-(10**12), 10**12), st.integers(0, 3), st.sampled_from(LANGUAGES))
def test_a_number_keeps_its_digits(n: int, decimals: int, language: str) -> None:
    shown = i18n.number(language, n, decimals)
    assert re.sub(r"\D", "", shown) == str(abs(n)) + "0" * decimals
    assert shown.startswith(i18n.MINUS) == (n < 0)


def test_dates_and_moments_are_written_as_people_write_them() -> None:
    day = date(2026, 11, 22)
    assert i18n.day("ru", day) == "22 ноября 2026"
    assert i18n.day("uk", day) == "22 листопада 2026"
    assert i18n.day("en", day) == "22 November 2026"
    moment = datetime(2026, 11, 22, 21, 30, tzinfo=UTC)
    assert i18n.moment("en", moment, ZoneInfo("Europe/Kyiv"), "short") == "22/11/2026, 23:30"
    assert (
        i18n.moment("ru", moment + timedelta(hours=1), ZoneInfo("Asia/Omsk"), "short") == "23.11.2026, 04:30"
    )


def test_the_catalogues_are_read_without_a_build_step() -> None:
    for language in LANGUAGES:
        folder = collect.catalogue_file(language).parent
        assert [path.name for path in sorted(folder.iterdir())] == ["messages.po"]
