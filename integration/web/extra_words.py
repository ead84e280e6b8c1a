"""Extra questions on the page of thanks, in words (product.md W13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from integration.i18n import mark
from integration.nps.questions import FIELD as FIELD
from integration.nps.questions import LONGEST_WORDS, MOST_QUESTIONS, VERSION, WAS
from integration.services import questions
from integration.services.questions import Field
from integration.services.survey_types import Extra
from integration.web.pages import language, number_text, say

PROBLEMS = {
    "not_an_option": mark("Please choose one of the answers."),
    "too_long": mark("This is too long: {most} characters at most."),
    "unknown_version": mark("Please choose one of the answers."),
}
MOST_FIELDS = 6 * MOST_QUESTIONS  # answers, versions, what stood; also of replaced questions


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows. `stands`: answered, in words; `complete`: all are, so that the form may be folded;
    `typed`: the form holds what was typed and not kept yet."""

    fields: tuple[Field, ...]
    stands: tuple[Field, ...]
    problems: Mapping[str, str]
    complete: bool
    typed: bool


def posted(form: Mapping[str, str]) -> dict[str, str]:
    """The fields of extra questions in a posted form, no more of them than there can be."""
    names = [name for name in form if name.startswith((FIELD, VERSION, WAS))]
    return {name: form[name] for name in names[:MOST_FIELDS]}


def fields(extra: Extra, typed: Mapping[str, str] | None = None) -> tuple[Field, ...]:
    """The questions in the language of this request, filled as typed, else as answered."""
    values = dict(extra.said)
    if typed is not None:
        values |= {one.key: typed[f"{FIELD}{one.key}"] for one in extra.asked if f"{FIELD}{one.key}" in typed}
    return questions.fields(extra.asked, language(), extra.main, values)


def shown(extra: Extra, typed: Mapping[str, str] | None, wrong: Mapping[str, str]) -> Shown:
    """What the page of thanks shows of extra questions."""
    stands = tuple(one for one in fields(extra) if one.value)
    return Shown(
        fields(extra, typed), stands, problems(wrong), bool(extra.asked) and len(stands) == len(extra.asked),
        typed is not None,
    )  # fmt: skip


def problems(wrong: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with extra answers, in words by form field."""
    most = number_text(LONGEST_WORDS)
    return {
        name: say(PROBLEMS.get(code, PROBLEMS["not_an_option"]), most=most) for name, code in wrong.items()
    }
