"""The pages' texts: English in the code, Russian and Ukrainian in ``words.json``."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

_COLUMNS = {"ru": 0, "uk": 1, "ua": 1}


@cache
def catalogue() -> dict[str, list[str]]:
    """Text → [Russian, Ukrainian]."""
    path = Path(__file__).with_name("words.json")
    found: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def translate(text: str, language: str) -> str:
    """The text in ``ru``, ``uk`` or, for any other language, in English."""
    column = _COLUMNS.get(language)
    return text if column is None else catalogue()[text][column]
