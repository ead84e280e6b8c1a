"""Letters in the agency's own words: the same frame, the same safety, and ours unchanged where there are none."""

from __future__ import annotations

import hashlib
import itertools
import json
from email import message_from_bytes, policy
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration.mail.message import to_bytes
from integration.mail.outgoing import OutgoingLetter
from integration.mail.render import STANDARD, MissingFact, Rendered, render, standard, told
from integration.nps import wording
from integration.nps.wording import OwnText
from tests.conftest import START
from tests.mail.test_render import ASKING, FACTS, LANGUAGES

OPTIONAL = ("first_name", "client", "service", "team", "sender_phone", "head_name", "unsubscribe_url")
KEPT = Path(__file__).parent / "standard_letters.json"
EVERY = list(product(wording.EDITABLE, LANGUAGES))
OWN = OwnText("{client}: вопрос", "{greeting}\n\n{judged}\nИ ещё строка.\n\n{question}\n\nСпасибо, {team}.")


def combinations() -> list[dict[str, Any]]:
    """Facts with and without each optional one, in every state of a survey."""
    found = []
    for left in itertools.product((False, True), repeat=len(OPTIONAL)):
        some = {k: v for k, v in FACTS.items() if k not in OPTIONAL or left[OPTIONAL.index(k)]}
        states = ({"calling": True}, {"announced": True, "head_signs": True}, {})
        found += [{**some, **state} for state in states]
    return found


FACT_SETS = combinations()


def test_words_nobody_changed_are_the_words_of_their_version() -> None:
    """Whoever changes one of our texts raises `STANDARD`, because answers name the words they answered (W13)."""
    found: dict[str, Any] = {"version": STANDARD}
    for letter, language in EVERY:
        digest = hashlib.sha256()
        for facts in FACT_SETS[::23]:
            made = render(letter, language, facts)
            digest.update(repr((made.subject, made.text)).encode())
        found[f"{letter}/{language}"] = digest.hexdigest()
    assert json.loads(KEPT.read_text()) == found


@pytest.mark.parametrize(("letter", "language"), EVERY)
def test_our_words_in_the_notation_of_own_words_make_the_same_letter(letter: str, language: str) -> None:
    """So an agency that begins to edit begins with what its clients get already."""
    ours = standard(letter, language)
    assert wording.problems(letter, ours) == []  # type: ignore[arg-type]
    for facts in FACT_SETS[::29]:
        plain, own = render(letter, language, facts), render(letter, language, facts, ours)
        assert (own.subject, own.text) == (plain.subject, plain.text)
        assert _lines(own.html) == _lines(plain.html)


def _lines(html: str) -> list[str]:
    return [line.replace(" </p>", "</p>") for line in html.splitlines() if line.strip()]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("letter", ASKING)
def test_what_makes_the_letter_work_stays_whatever_the_words_are(letter: str, language: str) -> None:
    made = render(letter, language, FACTS, OwnText("Тема", "{judged}\n\n{question}"))
    plain = render(letter, language, FACTS)
    for number in range(11):
        assert f"https://m.example.com/s/TOKEN?score={number}" in made.html
        assert f"https://m.example.com/s/TOKEN?score={number}" in made.text
    for fixed in ("Ольга Лис", "https://m.example.com/u/TOKEN"):
        assert fixed in made.text
        assert fixed in made.html
    assert made.text[made.text.index("\n\nОльга Лис") :] == plain.text[plain.text.index("\n\nОльга Лис") :]


def test_words_stand_before_and_after_the_question_in_paragraphs_and_lines() -> None:
    made = render("invitation", "ru", FACTS, OWN)
    assert made.subject == "Ромашка: вопрос"
    assert "Мария Сом.\nИ ещё строка.\n\nНасколько вероятно" in made.text
    assert made.text.index("?score=10") < made.text.index("Спасибо, Иван Петров, Мария Сом.")
    assert "Мария Сом.<br>" in made.html.replace("\n", "")
    assert "{" not in made.text


def test_a_subject_that_loses_its_fact_falls_back_to_ours() -> None:
    facts = {k: v for k, v in FACTS.items() if k != "client"}
    assert render("invitation", "ru", facts, OWN).subject == render("invitation", "ru", facts).subject


def test_a_fact_no_letter_can_do_without_is_named() -> None:
    text = OwnText("Тема", "{mailing_day} спросим о {service}.")
    with pytest.raises(MissingFact, match="mailing_day"):
        render("announcement", "ru", {k: v for k, v in FACTS.items() if k != "mailing_day"}, text)


def test_what_each_place_becomes_is_told_for_every_place() -> None:
    for letter, language in EVERY:
        assert list(told(letter, language, FACTS)) == list(wording.places(letter))  # type: ignore[arg-type]
    assert told("announcement", "ru", FACTS)["mailing_day"] == "12 октября"


class _Seen(HTMLParser):
    """The elements of a page, the addresses in it, the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.words = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.words += data


WILD = st.text(max_size=40) | st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=x>', "{question}", "{agency}", "{{ 7*7 }}", "{% raw %}",
     "a\r\nBcc: x@y.example", "&lt;b&gt;", "-- \nподпись", "\u202eслово", "=?utf-8?q?x?=", "]]>", "<!--"]
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(client=WILD, first=WILD, service=WILD, person=WILD, agency=WILD)
def test_nothing_on_a_card_becomes_markup_a_place_or_a_header(
    client: str, first: str, service: str, person: str, agency: str
) -> None:
    """Two letters with the same facts present differ in words alone: the same elements, links and headers."""
    text = OwnText(
        "{client}: {agency}",
        "{greeting} {first_name}!\n\n{judged} «{client}», {service}.\n\n{question}\n\n{team}",
    )
    wild = {
        **FACTS,
        "client": client,
        "first_name": first,
        "service": service,
        "team": [person],
        "agency": agency,
    }
    made = render("invitation", "ru", wild, text)
    plain = render("invitation", "ru", {k: _tame(v) if wild[k] != v else v for k, v in FACTS.items()}, text)
    seen, wanted = _Seen(made.html), _Seen(plain.html)
    assert {tag for tag, _ in seen.tags} <= {tag for tag, _ in wanted.tags}
    assert seen.links == wanted.links
    assert set(seen.tags) <= set(wanted.tags)
    assert (
        made.text.count("score=")
        - sum(value.count("score=") for value in (client, first, service, person, agency))
        <= 11
    )
    assert _headers(made) == _headers(plain)


def _tame(value: Any) -> Any:
    return ["Имя"] if isinstance(value, list) else "Имя"


def _headers(made: Rendered) -> list[str]:
    letter = OutgoingLetter(
        sender_key="x", sender_name="Ольга", sender_address="o@agency.example", recipient_name="Анна",
        recipient_address="a@client.example", subject=made.subject, body_text=made.text, body_html=made.html,
        message_id="<1@agency.example>", headers={}, sent_at=START,
    )  # fmt: skip
    parsed = message_from_bytes(to_bytes(letter), policy=policy.default)
    assert len(parsed.get_all("Subject") or []) == 1
    return sorted(parsed.keys())
