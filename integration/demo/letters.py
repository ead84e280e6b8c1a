"""Letters as their readers see them: who wrote, to whom, which links lie inside."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from .mailroom import LETTERS

_HREF = re.compile(r"""href\s*=\s*["']([^"']+)["']""", re.IGNORECASE)
_BARE = re.compile(r"https?://[^\s<>\"')\]]+")
#: How the subject of thanks begins, by the group of the answer; agencies' own words do not occur in the demo.
_THANKS = {
    "detractor": ("Спасибо за прямой ответ", "Дякую за відверту відповідь", "Thank you for being frank"),
    "passive": ("Спасибо за ответ", "Дякую за відповідь", "Thank you for your answer"),
    "promoter": ("Спасибо! —", "Дякую! —", "Thank you —"),
    "phone": ("Спасибо за разговор", "Дякую за розмову", "Thank you for talking to us"),
}
_SCORE = re.compile(r"/s/([A-Za-z0-9_.~-]+)(?:\?|.*[?&])score=(\d{1,2})\b")


@dataclass(frozen=True)
class Letter:
    """One letter in the mail room. ``at``: when it was taken, virtual time, UTC."""

    number: int
    at: datetime
    sender: str
    recipient: str
    headers: dict[str, str]
    text: str
    html: str

    @property
    def links(self) -> list[str]:
        """Every address in it, in order, each once; what a scanner follows."""
        found = [html.unescape(link) for link in _HREF.findall(self.html)] + _BARE.findall(self.text)
        return list(dict.fromkeys(link for link in found if link.startswith("http")))

    @property
    def scores(self) -> dict[int, str]:
        """Score → link of its button."""
        return {int(match[2]): link for link in self.links if (match := _SCORE.search(link))}

    @property
    def asks(self) -> bool:
        """Whether it asks the question (an announcement does not)."""
        return bool(self.scores)

    @property
    def kind(self) -> str:
        """What its reader takes it for: ``question``, ``thanks_<group>``, ``thanks_phone`` or ``announcement``."""
        if self.asks:
            return "question"
        subject = str(self.headers.get("Subject", ""))
        group = next((name for name, words in _THANKS.items() if subject.startswith(words)), "")
        return f"thanks_{group}" if group else "announcement"

    @property
    def unsubscribe(self) -> str:
        """The address of ``List-Unsubscribe``, "" if there is none."""
        match = re.search(r"<(https?://[^>]+)>", self.headers.get("List-Unsubscribe", ""))
        return match[1] if match else ""

    @property
    def one_click(self) -> bool:
        """Whether a mail program may post there by itself (RFC 8058)."""
        return self.headers.get("List-Unsubscribe-Post", "").strip() == "List-Unsubscribe=One-Click"


def letter_of(row: dict[str, Any]) -> Letter:
    """A line of the mail room's file."""
    return Letter(
        number=int(row["n"]),
        at=datetime.fromtimestamp(float(row["at"]), UTC),
        sender=str(row["headers"].get("From", "")),
        recipient=str(row["to"][0]).lower(),
        headers=dict(row["headers"]),
        text=str(row["text"]),
        html=str(row["html"]),
    )


def name_of(letter: Letter) -> str:
    """How the letter calls its reader; the address where it does not."""
    return parseaddr(letter.headers.get("To", ""))[0] or letter.recipient


class Mailbox:
    """Reads new letters of the mail room as they come."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LETTERS
        self._offset = 0
        self.letters: list[Letter] = []

    def fetch(self) -> list[Letter]:
        """Letters that came since the last call; half-written lines wait."""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        fresh = [letter_of(json.loads(line)) for line in whole.splitlines()]
        self.letters.extend(fresh)
        return fresh
