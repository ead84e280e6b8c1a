"""Reading an answer from form values (product.md S1 to S3, W13)."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .scoring import SCALE

MAX_COMMENT = 4000
_SCORES = {str(score): score for score in SCALE}
_KEPT = "\n\t\u200c\u200d"  # the joiners hold emoji and some scripts together
_BREAKS = str.maketrans({"\x0b": "\n", "\x0c": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n"})


@dataclass(frozen=True, slots=True)
class Wording:
    """One version of the question's text in one language; every response names it by ``id`` (W13).

    ``question`` and ``comment`` are codes of the catalogue, ``version`` rises with each change of a text.
    """

    version: int
    language: str
    question: str = "nps_question"
    comment: str = "nps_comment"

    @property
    def id(self) -> str:
        """What a response stores, e.g. ``nps_question/1/ru``."""
        return f"{self.question}/{self.version}/{self.language}"


@dataclass(frozen=True, slots=True)
class Answers:
    """A score 0 to 10 and the words, cleaned; ``comment`` may be empty."""

    score: int
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field of the form."""

    field: Literal["score", "comment"]
    code: Literal["missing", "not_a_score", "too_long"]


@dataclass(frozen=True, slots=True)
class Problems:
    """All problems of a form, never empty."""

    problems: tuple[Problem, ...]


Read: TypeAlias = Answers | Problems


def parse_score(text: str) -> int | None:
    """``"0"`` … ``"10"`` in ASCII digits, outer blanks allowed; None for all else (``"07"``, ``"+7"``)."""
    return _SCORES.get(text.strip(" \t\r\n"))


def clean_text(text: str) -> str:
    """Normalised (NFC), line ends as ``\\n``, no control, direction or unpaired characters, outer blanks cut.

    At most two line ends in a row stay.
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").translate(_BREAKS))
    kept = "".join(c for c in text if c in _KEPT or unicodedata.category(c)[0] != "C")
    while "\n\n\n" in kept:
        kept = kept.replace("\n\n\n", "\n\n")
    return kept.strip()


def read(values: Mapping[str, str], max_comment: int = MAX_COMMENT) -> Read:
    """The answer in form values ``score`` and ``comment``, or every problem with them.

    A comment over ``max_comment`` characters is a problem, never cut: those are the client's words.
    """
    problems: list[Problem] = []
    given = values.get("score", "").strip()
    score = parse_score(given)
    if score is None:
        problems.append(Problem("score", "not_a_score" if given else "missing"))
    comment = clean_text(values.get("comment", ""))
    if len(comment) > max_comment:
        problems.append(Problem("comment", "too_long"))
    if problems or score is None:
        return Problems(tuple(problems))
    return Answers(score, comment)


def preselected(value: str | None) -> int | None:
    """The score to tick when a letter's button opened the page; None if it names none (S1: saves nothing)."""
    return parse_score(value) if value else None
