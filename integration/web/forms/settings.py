"""Fields of the settings forms: typed text read as numbers, lists and employees; problems are codes (flow 4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields

from integration.web.forms import Form

LONGEST = 20_000  # characters of a list that is typed in one field
DIGITS = 9


class Section(Form):
    """The form of a settings section. Every problem is a code, worded by `integration.web.settings.problems`."""

    def read(self, raw: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """What could be read, and the code of the problem of each other field."""
        try:
            return dict(self.load(raw)), {}
        except ValidationError as error:
            found = error.messages if isinstance(error.messages, dict) else {}
            good = error.valid_data if isinstance(error.valid_data, dict) else {}
            return dict(good), {name: _first(words) for name, words in found.items()}


def _first(words: Any) -> str:
    while isinstance(words, list | dict) and words:
        words = words[0] if isinstance(words, list) else next(iter(words.values()))
    return str(words)


class Text(fields.Field[str]):
    """A line of text without stray spaces, at most `most` characters."""

    def __init__(self, most: int = 200, **more: Any) -> None:
        super().__init__(load_default="", **more)
        self.most = most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        text = " ".join(str(value).split())
        if len(text) > self.most:
            raise ValidationError("too_long")
        return text


class Number(fields.Field[int]):
    """A whole number as people type it."""

    def __init__(self, **more: Any) -> None:
        super().__init__(required=True, error_messages={"required": "missing"}, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> int:
        text = str(value).strip().replace("\u2212", "-")
        if not text:
            raise ValidationError("missing")
        if not re.fullmatch(rf"-?[0-9]{{1,{DIGITS}}}", text, re.ASCII):
            raise ValidationError("not_a_number")
        return int(text)


class Switch(fields.Field[bool]):
    """A box that was ticked or not."""

    def __init__(self, **more: Any) -> None:
        super().__init__(load_default=False, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> bool:
        return str(value) not in ("", "0")


class Words(fields.Field[list[str]]):
    """Several words or names in one field, parted by commas or lines, each once."""

    def __init__(self, **more: Any) -> None:
        super().__init__(load_default=list, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> list[str]:
        return apart(str(value))


class Days(fields.Field[list[int]]):
    """Several numbers in one field."""

    def __init__(self, **more: Any) -> None:
        super().__init__(load_default=list, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> list[int]:
        found = re.split(r"[\s,;]+", str(value).strip())
        if any(not re.fullmatch(r"[0-9]{1,4}", one, re.ASCII) for one in found if one):
            raise ValidationError("not_numbers")
        return [int(one) for one in found if one]


class Chosen(fields.Field[list[str]]):
    """Values of ticked boxes, in the order of the page."""

    def __init__(self, **more: Any) -> None:
        super().__init__(load_default=list, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> list[str]:
        return [str(one) for one in value] if isinstance(value, list) else []


def apart(text: str) -> list[str]:
    """The entries of a list typed with commas, semicolons or lines, each once, in order."""
    if len(text) > LONGEST:
        raise ValidationError("too_long")
    found = (" ".join(one.split()) for one in re.split(r"[,;\n]", text))
    return list(dict.fromkeys(one for one in found if one))
