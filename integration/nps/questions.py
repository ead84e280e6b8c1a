"""Up to four extra questions beside the one of the survey: their wording, and reading what was answered.

They never enter the index: its scale is 0 to 10, once and for all (product.md W13). Each question has a key that
stays, and versions of its wording; an answer names the version it answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, get_args

from .questionnaire import clean_text

Kind = Literal["scale_5", "scale_10", "yes_no", "choice", "text"]
Code = Literal["not_an_option", "too_long", "unknown_version"]

KINDS: tuple[Kind, ...] = get_args(Kind)
NUMBERS: Mapping[str, range] = {"scale_5": range(1, 6), "scale_10": range(11)}  # kinds with a mean
YES_NO = ("yes", "no")
MOST_QUESTIONS = 4
LEAST_OPTIONS, MOST_OPTIONS = 2, 7
LONGEST_TEXT = 200
LONGEST_OPTION = 80
LONGEST_WORDS = 1000  # of an answer in own words
FIELD = "q-"  # form fields: `q-<key>` the answer, `v-<key>` the version that was shown
VERSION = "v-"
WAS = "w-"  # what stood when a form of the staff was opened, so that only what they changed is taken
_KEY = re.compile(r"[a-z][a-z0-9_]{0,30}")
_CODE = re.compile(r"[a-z][a-z0-9_]{0,15}")


@dataclass(frozen=True, slots=True)
class Option:
    """One of the answers to choose from; ``texts`` by language."""

    code: str
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """One extra question. ``texts`` by language; ``options`` of kind ``choice`` only; ``on``: it is asked.

    ``version`` is that of the wording, 1 and up; 0 in the settings, which hold the wording that counts.
    """

    key: str
    kind: Kind = "scale_5"
    texts: Mapping[str, str] = field(default_factory=dict)
    options: tuple[Option, ...] = ()
    on: bool = True
    version: int = 0

    def text(self, language: str, main: str = "") -> str:
        """The question in a language, else in the agency's main one, else in any it has."""
        return spoken(self.texts, language, main)[1]

    def label(self, code: str, language: str, main: str = "") -> str:
        """An option's text; the code of one that is not (any more) among them."""
        found = next((one for one in self.options if one.code == code), None)
        return (spoken(found.texts, language, main)[1] if found else "") or code

    @property
    def values(self) -> tuple[str, ...]:
        """What can be answered, as it is kept; nothing for own words."""
        if self.kind in NUMBERS:
            return tuple(str(one) for one in NUMBERS[self.kind])
        if self.kind == "yes_no":
            return YES_NO
        return tuple(one.code for one in self.options)


def spoken(texts: Mapping[str, str], language: str, main: str = "") -> tuple[str, str]:
    """The language and the text to show: the wanted one, else the main one, else the first there is."""
    for code in (language, main, *texts):
        if texts.get(code, "").strip():
            return code, texts[code]
    return language, ""


# --- JSON


def to_body(question: Question) -> dict[str, Any]:
    """What makes a version: kind, texts, options. Equal bodies are the same wording."""
    return {
        "kind": question.kind,
        "texts": dict(sorted(question.texts.items())),
        "options": [{"code": one.code, "texts": dict(sorted(one.texts.items()))} for one in question.options],
    }


def to_json(question: Question) -> dict[str, Any]:
    """A question of the settings, JSON values only."""
    return {"key": question.key, "on": question.on, **to_body(question)}


def from_json(value: Any) -> Question:
    """A question of the settings back. Raises `TypeError`, `ValueError` or `KeyError` if it is none."""
    question = from_body(_text(value["key"]), 0, value)
    on = value.get("on", True)
    if not isinstance(on, bool):
        raise TypeError("on")
    return replace(question, on=on)


def from_body(key: str, version: int, body: Mapping[str, Any]) -> Question:
    """A version's wording back. Raises `TypeError`, `ValueError` or `KeyError` if it is none."""
    kind = next((one for one in KINDS if one == body["kind"]), None)
    if kind is None:
        raise ValueError("kind")
    options = tuple(
        Option(_text(one["code"]), _texts(one.get("texts", {}))) for one in body.get("options", ())
    )
    return Question(key, kind, _texts(body.get("texts", {})), options, version=version)


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise TypeError("texts")
    return {_text(code): _text(text) for code, text in sorted(value.items())}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


# --- what cannot be asked


def wrong(
    questions: Sequence[Question], main: str, languages: Sequence[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What keeps these questions from being asked: a code, and the parameters its words need.

    ``question`` counts from 1, in the order in which they are asked.
    """
    if len(questions) > MOST_QUESTIONS:
        yield "too_many", {"most": MOST_QUESTIONS}
    keys = [one.key for one in questions]
    if len(set(keys)) != len(keys):
        yield "question_twice", {}
    for number, one in enumerate(questions, 1):
        if not _KEY.fullmatch(one.key):
            yield "question_key", {"question": number}
        if not one.texts.get(main, "").strip():
            yield "question_text", {"question": number, "language": main}
        if any(len(text) > LONGEST_TEXT for text in one.texts.values()):
            yield "question_long", {"question": number, "most": LONGEST_TEXT}
        yield from _wrong_options(number, one, main, languages)


def _wrong_options(
    number: int, one: Question, main: str, languages: Sequence[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    if one.kind != "choice":
        return
    codes = [option.code for option in one.options]
    if len(set(codes)) != len(codes) or not all(_CODE.fullmatch(code) for code in codes):
        yield "option_code", {"question": number}
    if not LEAST_OPTIONS <= len(codes) <= MOST_OPTIONS:
        yield "option_count", {"question": number, "least": LEAST_OPTIONS, "most": MOST_OPTIONS}
    if any(not option.texts.get(main, "").strip() for option in one.options):
        yield "option_text", {"question": number, "language": main}
    if any(len(text) > LONGEST_OPTION for option in one.options for text in option.texts.values()):
        yield "option_long", {"question": number, "most": LONGEST_OPTION}
    for language in dict.fromkeys((main, *languages)):
        named = [option.texts.get(language, "").strip().casefold() for option in one.options]
        if len({text for text in named if text}) != len([text for text in named if text]):
            yield "option_twice", {"question": number}
            return


def untold(questions: Sequence[Question], languages: Sequence[str]) -> list[tuple[int, str]]:
    """Questions that are asked and lack a text in a language of the agency: number from 1, language."""
    return [
        (number, language)
        for number, one in enumerate(questions, 1)
        for language in languages
        if one.on
        and (
            not one.texts.get(language, "").strip()
            or any(not option.texts.get(language, "").strip() for option in one.options)
        )
    ]


def next_code(taken: Sequence[str], stem: str = "q") -> str:
    """A name that was never used: the number after the highest, so that nothing old gets a new meaning."""
    numbers = [
        int(one[len(stem) :]) for one in taken if one.startswith(stem) and one[len(stem) :].isdecimal()
    ]
    return f"{stem}{max(numbers, default=0) + 1}"


# --- answers


@dataclass(frozen=True, slots=True)
class Given:
    """One answer as it was given: to which version, and the value; an empty one takes the answer back."""

    key: str
    version: int
    value: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with the answer to one question."""

    key: str
    code: Code


Read: TypeAlias = tuple[tuple[Given, ...], tuple[Wrong, ...]]


def shown_version(form: Mapping[str, str], key: str) -> int:
    """The version a form says it showed; 0 if it names none."""
    text = form.get(f"{VERSION}{key}", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0


def read_answers(questions: Sequence[Question], form: Mapping[str, str]) -> Read:
    """The answers in form fields ``q-<key>`` and everything wrong with them; fields that are not there say nothing.

    ``questions``: the versions that were shown. None is ever required.
    """
    given: list[Given] = []
    problems: list[Wrong] = []
    for one in questions:
        name = f"{FIELD}{one.key}"
        if name not in form:
            continue
        value = clean_text(form[name])
        if one.kind == "text":
            if len(value) > LONGEST_WORDS:
                problems.append(Wrong(one.key, "too_long"))
                continue
        elif value and value not in one.values:
            problems.append(Wrong(one.key, "not_an_option"))
            continue
        given.append(Given(one.key, one.version, value))
    return tuple(given), tuple(problems)


def touched(given: Sequence[Given], form: Mapping[str, str]) -> list[Given]:
    """The answers that differ from what a form says it was filled with (``w-<key>``): somebody has changed these, and
    the others may have been answered by the client since. Without such a field every answer is meant."""
    return [
        one
        for one in given
        if clean_text(form.get(f"{WAS}{one.key}", "")) != one.value or f"{WAS}{one.key}" not in form
    ]


def same_wording(one: Question, other: Question) -> bool:
    """Whether two versions ask the same: a translation that came later changes nothing for those asked before."""
    if one.kind != other.kind or not _same_texts(one.texts, other.texts):
        return False
    options = {option.code: option.texts for option in one.options}
    return [option.code for option in other.options] == list(options) and all(
        _same_texts(options[option.code], option.texts) for option in other.options
    )


def _same_texts(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    shared = [code for code in one if one[code] and other.get(code)]
    return bool(shared) and all(one[code] == other[code] for code in shared)
