"""Extra questions on a call centre's sheet: a column for each, found again by its key (product.md W9, W13).

The heading ends with the question's key and version, ``[q1.2]``, so that an answer is taken to the wording that stood
there, in whatever language. Answers are read as people write them: a number, "yes", the words of an option.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from .past_answers import fold
from .questionnaire import clean_text
from .questions import FIELD, NUMBERS, VERSION, Given, Question, read_answers

Code = Literal["not_an_option", "too_long", "unknown_version", "without"]
LONGEST_SHOWN = 120  # characters of what was written that are kept with what is wrong about it

_TAG = re.compile(r"\[([a-z][a-z0-9_]{0,30})(?:\.(\d{1,7}))?\]\s*$")
_CODE = re.compile(r"\[([a-z][a-z0-9_]{0,15})\]\s*$")
_WHOLE = re.compile(r"(\d{1,3})(?:[.,]0+)?")


@dataclass(frozen=True, slots=True)
class Asking:
    """What is known of questions when a sheet is read: the versions of each key, oldest first, and what people call
    yes and no, folded, in every language -> ``yes`` or ``no``."""

    versions: Mapping[str, Sequence[Question]] = field(default_factory=dict)
    yes_no: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Column:
    """The column of one question, at a place of the table."""

    place: int
    question: Question


class Bad(NamedTuple):
    """An answer that cannot be taken: to which question, why, what was written. The row's call counts all the same."""

    key: str
    code: Code
    written: str


def heading(text: str, one: Question) -> str:
    """How the column of a question is headed: the question with its key and version."""
    return f"{text} [{one.key}.{one.version}]" if one.version else f"{text} [{one.key}]"


def option_named(one: Question, code: str, text: str) -> str:
    """What is written for an option: its words, with its code where another one is called so in any language."""
    others = {
        option.code for option in one.options for name in option.texts.values() if fold(name) == fold(text)
    }
    return f"{text} [{code}]" if others - {code} else text


def columns(headings: Sequence[str], asking: Asking, taken: Sequence[int] = ()) -> tuple[list[Column], str]:
    """The columns of questions, and the heading of the first that stands there a second time, else nothing.

    ``taken``: places of columns that are known already. Where the key was lost, the words of the question do.
    """
    found: dict[str, Column] = {}
    for place, text in enumerate(headings):
        one = _asked(text, asking) if place not in taken else None
        if one is None:
            continue
        if one.key in found:
            return list(found.values()), text
        found[one.key] = Column(place, one)
    return list(found.values()), ""


def _asked(text: str, asking: Asking) -> Question | None:
    tag = _TAG.search(text)
    if tag is not None and tag[1] in asking.versions:
        versions = asking.versions[tag[1]]
        return next((one for one in versions if str(one.version) == tag[2]), versions[-1])
    words = fold(text)
    for versions in asking.versions.values():
        for one in reversed(versions):
            if words and words in {fold(name) for name in one.texts.values()}:
                return one
    return None


def read(
    asked: Sequence[Column], cells: Sequence[str], asking: Asking, *, answered: bool
) -> tuple[tuple[Given, ...], tuple[Bad, ...]]:
    """The answers in a row, and those that cannot be taken; empty cells say nothing. ``answered``: the call brought a
    score, without which nothing else is answered."""
    form: dict[str, str] = {}
    for column in asked:
        text = clean_text(cells[column.place]) if column.place < len(cells) else ""
        if text:
            form[f"{FIELD}{column.question.key}"] = _meant(column.question, text, asking.yes_no)
            form[f"{VERSION}{column.question.key}"] = str(column.question.version)
    written = {name.removeprefix(FIELD): value for name, value in form.items() if name.startswith(FIELD)}
    if not answered:
        return (), tuple(Bad(key, "without", value[:LONGEST_SHOWN]) for key, value in written.items())
    given, wrong = read_answers([column.question for column in asked], form)
    return given, tuple(Bad(one.key, one.code, written[one.key][:LONGEST_SHOWN]) for one in wrong)


def _meant(one: Question, text: str, yes_no: Mapping[str, str]) -> str:
    """The value that is meant, else what was written."""
    if one.kind in NUMBERS:
        whole = _WHOLE.fullmatch(text)
        return str(int(whole[1])) if whole else text
    if one.kind == "yes_no":
        return yes_no.get(fold(text), text)
    if one.kind != "choice":
        return text
    tag = _CODE.search(text)
    if tag is not None and tag[1] in one.values:
        return tag[1]
    words = fold(text)
    named = {
        option.code
        for option in one.options
        if words == option.code or words in {fold(name) for name in option.texts.values()}
    }
    return named.pop() if len(named) == 1 else text
