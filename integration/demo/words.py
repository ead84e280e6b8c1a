"""What the panel and the mail room say, in Russian, Ukrainian and English.

They belong to the demo, not to the product, and stand apart from its catalogues.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from babel import dates

from integration import i18n

from .days import ZONE

LANGUAGES = {"ru": "Русский", "uk": "Українська", "en": "English"}


@dataclass(frozen=True)
class Said:
    """A sentence by its name in ``HAPPENINGS``, with what fills its places."""

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)


_DATA: dict[str, Any] = json.loads((Path(__file__).parent / "words.json").read_text(encoding="utf-8"))
#: What happens in the agency, by name, in each language.
HAPPENINGS: dict[str, dict[str, str]] = _DATA["happenings"]
WRITTEN: dict[str, dict[str, str]] = _DATA["written"]
#: The pages' own words: English -> Russian, Ukrainian.
PAGES: dict[str, list[str]] = _DATA["pages"]
_COLUMNS = {"ru": 0, "uk": 1}


def say(language: str, text: str, **values: object) -> str:
    """A text of the pages in a language; the English one where there is no other."""
    column = _COLUMNS.get(language)
    found = PAGES[text][column] if column is not None and text in PAGES else text
    return found.format(**values) if values else found


def sentence(language: str, said: Said) -> str:
    """What happened, in words."""
    values = {name: _shown(language, value) for name, value in said.values.items()}
    if said.name == "written":
        parts = [WRITTEN[name][language].format(n=n) for name, n in said.values.items() if n]
        values["what"] = ", ".join(parts)
    if "fault" in values:
        values["fault"] = say(language, str(values["fault"]))
    return HAPPENINGS[said.name][language].format(**values).strip()


def _shown(language: str, value: Any) -> Any:
    return i18n.day(language, value) if isinstance(value, date) else value


def moment(language: str, value: datetime, style: str = "full") -> str:
    """Virtual time as the agency's people read it: ``full`` with weekday and year, ``short`` without."""
    local = value.astimezone(ZONE)
    clock = f"{local:%H:%M}"
    if style == "full":
        return f"{weekday(language, local)}, {i18n.day(language, local.date())}, {clock}"
    return f"{dates.format_date(local.date(), 'd MMM', locale=i18n.locale(language))}, {clock}"


def weekday(language: str, value: datetime) -> str:
    """The day of the week."""
    return dates.format_date(value.date(), "EEEE", locale=i18n.locale(language))
