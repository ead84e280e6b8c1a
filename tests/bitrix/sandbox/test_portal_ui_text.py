"""BB code, names and numbers as the portal's pages write them."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.bitrix.sandbox.story import tell
from integration.bitrix.sandbox.story_names import FIRST, LAST, TRICKY, someone
from integration.bitrix.sandbox.ui import words as words_module
from integration.bitrix.sandbox.ui.automation import STATES
from integration.bitrix.sandbox.ui.formats import bb, money, safe_url
from integration.bitrix.sandbox.ui.labels import BUILT_IN, KIND_WORDS, LABELS
from integration.bitrix.sandbox.ui.shell import _ROLE_WORDS
from integration.bitrix.sandbox.ui.timeline import TASK_WORDS
from integration.bitrix.sandbox.ui.visit import guess
from tests.bitrix.sandbox.agencies import small_agency
from tests.bitrix.sandbox.portal_ui_world import furnished

UI = Path(words_module.__file__).parent

_PIECES = st.sampled_from(
    ["[B]", "[/B]", "[b]", "[URL=http://a.example]", "[URL=javascript:x]", "[URL]", "[/URL]", "<b>", '"', "&", "слово",
     "[URL=//evil]", "[URL=/crm/]", "[I]", "http://b.example", "]", "["]
)  # fmt: skip
_TAGS = re.compile(r"<(/?)(b|a)(?: href=\"([^\"]*)\"(?: target=\"_blank\" rel=\"noopener noreferrer\")?)?>")


@given(st.lists(_PIECES, max_size=14).map("".join))
def test_bb_code_gives_only_bold_and_links_properly_nested(text: str) -> None:
    made = str(bb(text))
    assert "<" not in _TAGS.sub("", made)
    assert '"' not in _TAGS.sub("", made)
    stack: list[str] = []
    for closing, name, url in _TAGS.findall(made):
        if closing:
            assert stack.pop() == name
        else:
            stack.append(name)
            assert name == "b" or safe_url(url)
    assert stack == []


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("[B]да[/B] & <i>", "<b>да</b> &amp; &lt;i&gt;"),
        ("[URL=/crm/deal/details/5/]сделка[/URL]", '<a href="/crm/deal/details/5/">сделка</a>'),
        (
            "[url]https://a.example/?x=1&y=2[/url]",
            '<a href="https://a.example/?x=1&amp;y=2" target="_blank" rel="noopener noreferrer">'
            "https://a.example/?x=1&amp;y=2</a>",
        ),
        ("[URL=javascript:alert(1)]x[/URL]", "[URL=javascript:alert(1)]x[/URL]"),
        ("[I]x[/I] [B]не закрыто", "[I]x[/I] <b>не закрыто</b>"),
    ],
)
def test_bb_code_as_people_write_it(text: str, made: str) -> None:
    assert str(bb(text)) == made


def test_money_shows_kopecks_only_where_there_are_any() -> None:
    assert money(120000, "RUB", "ru").replace("\xa0", " ").replace("\u202f", " ") == "120 000 ₽"
    assert money(19.5, "EUR", "en") == "€19.50"


@given(st.integers(min_value=0, max_value=10**6))
def test_first_and_last_names_of_the_story_are_of_one_gender(seed: int) -> None:
    for language in FIRST:
        person = someone(Random(seed), language, seed)
        woman = FIRST[language].index(person.name) % 2
        forms = next(forms for forms in LAST[language] if person.last_name in forms)
        assert len(forms) == 1 or forms.index(person.last_name) == woman


def test_the_story_has_names_that_break_careless_pages() -> None:
    titles = {card["title"] for card in tell(1, 60).agency.companies}
    assert {title for title, _ in TRICKY} <= titles
    assert max(map(len, titles)) > 150


def test_the_staff_of_the_story_has_somebody_for_every_role() -> None:
    from integration.bitrix.sandbox.clock import VirtualClock
    from integration.bitrix.sandbox.state import Origin, State

    state = State(VirtualClock(), Origin())
    state.load(tell(1, 12).agency)
    assert guess(state) == {"administrator": 1, "director": 3, "manager": 6, "caller": 15, "dismissed": 14}


@pytest.mark.parametrize(("language", "word"), [("en", "Deals"), ("uk", "Угоди"), ("ru", "Сделки")])
def test_pages_speak_the_portal_s_language(language: str, word: str) -> None:
    with furnished(small_agency(language=language)) as small:
        page = small.get("/crm/deal/").text
        assert f'<html lang="{language}">' in page
        assert f"<h1>{word}</h1>" in page


def _used() -> set[str]:
    """Every text of the pages: calls in templates and code, tables of labels."""
    found = set(LABELS.values()) | set(TASK_WORDS.values()) | set(_ROLE_WORDS.values())
    found |= {word for word, _ in STATES.values()}
    found |= {title for sections in BUILT_IN.values() for title, _ in sections}
    found |= {word for row in KIND_WORDS.values() for word in row[1:]}
    for path in (UI / "templates" / "portal").glob("*.html"):
        found |= set(re.findall(r"\bw\('([^']+)'", path.read_text(encoding="utf-8")))
    for path in UI.glob("*.py"):
        found |= set(re.findall(r"\.t\(\s*\"([^\"]+)\"", path.read_text(encoding="utf-8")))
        found |= set(re.findall(r"(?<![\w.])t\(\"([^\"]+)\"", path.read_text(encoding="utf-8")))
    return found


def test_every_text_has_its_words_in_both_languages() -> None:
    """None is missing, none is left over; a Ukrainian text has no letters of Russian alone."""
    known = words_module.catalogue()
    assert set(known) == _used()
    for text, (russian, ukrainian) in known.items():
        assert russian, text
        assert ukrainian, text
        assert not re.search("[ыэёъ]", ukrainian.lower()), text
        assert not re.search("[іїєґ]", russian.lower()), text
        holes = set(re.findall(r"{\w+}", text))
        assert set(re.findall(r"{\w+}", russian)) == holes == set(re.findall(r"{\w+}", ukrainian))
