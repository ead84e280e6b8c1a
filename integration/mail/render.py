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

TEMPLATES = Path(__file__).parent / "templates"
_DAYS = ("mailing_day", "closing_day")
# Facts a letter may do without: the sentence that would hold one is left out.
OPTIONAL: Mapping[str, Any] = {
    "first_name": "", "client": "", "service": "", "team": (), "sender_phone": "", "head_name": "",
    "head_signs": False, "calling": False, "announced": False, "unsubscribe_url": "",
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


def render(letter: str, language: str, facts: Mapping[str, Any]) -> Rendered:
    """One letter in a language we speak (another one falls back to English), filled with its facts.

    Days may come as ISO dates. Raises `MissingFact`, and `LookupError` for a letter that does not exist.
    """
    if not (TEMPLATES / letter).is_dir() or letter == "shared":
        raise LookupError(f"no letter {letter!r}")
    language = i18n.known(language)
    values = {**OPTIONAL, **facts, "lang": language}
    for name in _DAYS:
        if name in values:
            values[name] = _day(language, values[name])
    folder = f"{letter}/{language}"
    try:
        subject = " ".join(_environment().get_template(f"{folder}/subject.txt").render(values).split())
        values["subject"] = subject
        text = _environment().get_template(f"{folder}/body.txt").render(values)
        html = _environment().get_template(f"{folder}/body.html").render(values)
    except UndefinedError as error:
        raise MissingFact(str(error)) from error
    return Rendered(subject, _tidy(text), _inliner().inline(html))


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


class _Loader(FileSystemLoader):
    """Serves a language's words under two names, so that they are escaped where HTML asks for them.

    A macro's result counts as safe wherever it is called; what matters is the name it was loaded under.
    """

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        return super().get_source(environment, template.replace("/words.html", "/words.txt"))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(
        loader=_Loader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=("html",), default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters["quoted"] = _quoted
    return made


@lru_cache(maxsize=1)
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
