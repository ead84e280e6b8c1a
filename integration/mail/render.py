"""Letters as texts: subject, plain text and HTML of one letter in one language (product.md W4, W5, W20).

A letter is a folder of templates: `templates/<letter>/<language>/{subject.txt,body.txt,body.html}`. The texts
of one language that all letters share stand in `templates/shared/<language>/words.txt`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import css_inline
from babel import dates
from jinja2 import Environment, FileSystemLoader, StrictUndefined, UndefinedError, select_autoescape

from integration import i18n
from integration.nps import wording
from integration.nps.wording import OwnText

STANDARD = 1  # version of the words Molva brings, raised with every change of a template (product.md W13)
TEMPLATES = Path(__file__).parent / "templates"
_DAYS = ("mailing_day", "closing_day")
# Sentences of the shared words by the name an own text calls them (nps/wording.py).
_PHRASES: Mapping[str, str] = {
    "greeting": "hello", "about": "about", "judged": "judged", "reader": "reader", "how": "how",
    "later": "later", "reply": "reply", "call_or_write": "way", "promised": "promised", "say_more": "more",
}  # fmt: skip
# Facts a letter may do without: the sentence that would hold one is left out.
OPTIONAL: Mapping[str, Any] = {
    "first_name": "", "client": "", "service": "", "team": (), "sender_phone": "", "head_name": "",
    "head_signs": False, "calling": False, "announced": False, "unsubscribe_url": "", "direct_url": "",
}  # fmt: skip


class MissingFact(Exception):
    """A letter lacks a fact it cannot do without; the text names it (product.md W4)."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished text. `subject` is one line; `html` carries its styles inline."""

    subject: str
    text: str
    html: str


def letters() -> list[str]:
    """The letters there are templates for."""
    return sorted(path.name for path in TEMPLATES.iterdir() if path.is_dir() and path.name != "shared")


def render(letter: str, language: str, facts: Mapping[str, Any], own: OwnText | None = None) -> Rendered:
    """One letter in a language we speak (another one falls back to English), filled with its facts.

    `own`: the agency's words instead of ours; greeting, question, scale, signature and the line about
    unsubscribing stay as they are. Days may come as ISO dates. Raises `MissingFact`, and `LookupError` for a
    letter that does not exist.
    """
    if not (TEMPLATES / letter).is_dir() or letter == "shared":
        raise LookupError(f"no letter {letter!r}")
    language = i18n.known(language)
    values = _prepared(language, facts)
    try:
        return _standard(letter, language, values) if own is None else _own(letter, language, values, own)
    except UndefinedError as error:
        raise MissingFact(str(error)) from error


def standard(letter: str, language: str) -> OwnText:
    """Our words in the notation of own texts, so that an agency begins with what it sends already."""
    values = {name: "{" + name + "}" for name in ("mailing_day", "closing_day", "agency")}
    folder = f"{letter}/{i18n.known(language)}"
    environment = _environment(notation=True)
    subject = environment.get_template(f"{folder}/subject.txt").render(values)
    return wording.cleaned(OwnText(subject, environment.get_template(f"{folder}/body.txt").render(values)))


def _standard(letter: str, language: str, values: dict[str, Any]) -> Rendered:
    folder = f"{letter}/{language}"
    subject = " ".join(_environment().get_template(f"{folder}/subject.txt").render(values).split())
    values["subject"] = subject
    text = _environment().get_template(f"{folder}/body.txt").render(values)
    html = _environment().get_template(f"{folder}/body.html").render(values)
    return Rendered(subject, _tidy(text), _inliner().inline(html))


def _own(letter: str, language: str, values: dict[str, Any], own: OwnText) -> Rendered:
    """An own text: its words are data, escaped like any other; a subject with nothing left falls back to ours."""
    told = _values(letter, language, values)
    before, after = wording.parted(own.body)
    try:
        subject = wording.filled(own.subject, told)
        values["before"], values["after"] = (
            _paragraphs(wording.filled(part, told)) for part in (before, after)
        )
    except KeyError as error:
        raise MissingFact(f"{error.args[0]!r} is undefined") from error
    if not subject:
        subject = " ".join(
            _environment().get_template(f"{letter}/{language}/subject.txt").render(values).split()
        )
    values["subject"], values["asks"] = subject, letter in wording.ASKING
    text = _environment().get_template("shared/html/own.txt").render(values)
    html = _environment().get_template("shared/html/own.html").render(values)
    return Rendered(subject, _tidy(text), _inliner().inline(html))


def told(letter: str, language: str, facts: Mapping[str, Any]) -> dict[str, str]:
    """What each place of an own text becomes with these facts; one that is unknown is empty."""
    language = i18n.known(language)
    try:
        found = _values(letter, language, _prepared(language, facts))
    except UndefinedError as error:
        raise MissingFact(str(error)) from error
    return {name: wording.flat(found.get(name, "")) for name in wording.places(letter)}


def _values(letter: str, language: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Every place this letter may name with its value; facts that are missing are missing here too."""
    words: Any = _environment().get_template(f"shared/{language}/words.txt").make_module(dict(values))
    found: dict[str, str] = {}
    for name in wording.places(letter):
        if name in _PHRASES:
            found[name] = str(getattr(words, _PHRASES[name])())
        elif name in values:
            value = values[name]
            found[name] = ", ".join(value) if isinstance(value, list | tuple) else str(value)
    return found


def _paragraphs(text: str) -> list[list[str]]:
    return [paragraph.split("\n") for paragraph in text.split("\n\n") if paragraph]


def _prepared(language: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    values = {**OPTIONAL, **facts, "lang": language}
    for name in _DAYS:
        if name in values:
            values[name] = _day(language, values[name])
    return values


def _day(language: str, value: str | date) -> str:
    """A day without its year, as one says it: "12 октября"."""
    day = date.fromisoformat(value) if isinstance(value, str) else value
    return dates.format_date(day, "d MMMM", locale=i18n.locale(language))


def _tidy(text: str) -> str:
    """No run of blank lines, no blanks at line ends save the one after a signature's dashes (RFC 3676 4.3)."""
    lines = [line.rstrip() if line != "-- " else line for line in text.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _quoted(name: str) -> str:
    """The name in «quotes», unless it brings its own."""
    return name if any(mark in name for mark in '«»"„“”') else f"«{name}»"


def _calls_itself_agency(name: str) -> bool:
    """Whether the name has the word "agency" in it, so that a sentence must not say it once more."""
    return any(word in name.casefold() for word in ("агентств", "агенці", "агенств", "agency"))


class _Loader(FileSystemLoader):
    """Serves a language's words under two names, so that they are escaped where HTML asks for them.

    A macro's result counts as safe wherever it is called; what matters is the name it was loaded under.
    `notation`: words and parts that name places instead of filling them.
    """

    def __init__(self, notation: bool) -> None:
        super().__init__(TEMPLATES)
        self._notation = notation

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        if self._notation and template.startswith("shared/"):
            template = "shared/html/places_" + template.rpartition("/")[2]
        return super().get_source(environment, template.replace("/words.html", "/words.txt"))


@lru_cache(maxsize=2)
def _environment(*, notation: bool = False) -> Environment:
    made = Environment(
        loader=_Loader(notation),
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=("html",), default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters["quoted"] = _quoted
    made.tests["an_agency"] = _calls_itself_agency
    return made


@lru_cache(maxsize=1)
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
