"""A demo without processes for the tests of its pages: a clock in a file, a mail folder, switches in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from integration.demo.chronicle import Chronicle
from integration.demo.conductor import State
from integration.demo.on_the_phone import SCORED, Talk

NOW = datetime(2026, 9, 8, 6, tzinfo=UTC)
SCORE = "http://127.0.0.1:9/s/tok-1"


@dataclass
class FakeConductor:
    orders: list[Any] = field(default_factory=list)
    state: State = field(default_factory=lambda: State(False, False, "even", None, 0.0, ""))
    free: bool = True

    def move(self, until: datetime) -> bool:
        self.orders.append(until)
        return self.free

    def play(self, speed: str) -> bool:
        self.orders.append(speed)
        return self.free

    def stop(self) -> None:
        self.orders.append("stop")

    def job(self, about: str, work: Any) -> None:
        self.orders.append(work)


@dataclass
class FakeWorld:
    mail: Path
    public_url: str = "http://127.0.0.1:9"

    def now(self) -> datetime:
        return NOW


@dataclass
class FakeLife:
    alone: bool = True
    rows: list[dict[str, Any]] = field(default_factory=list)
    number: int = 1
    talks: list[Talk] = field(default_factory=list)

    def portal_id(self) -> int:
        return self.number

    def surveys(self) -> list[dict[str, Any]]:
        return self.rows

    def on_the_phone(self) -> list[Talk]:
        return self.talks

    def next_event(self) -> tuple[str, datetime] | None:
        return "announcement", NOW + timedelta(days=9)

    def fill_in(self) -> None: ...
    def bring_past(self) -> None: ...


@dataclass
class FakeSwitches:
    names: set[str] = field(default_factory=set)

    def on(self) -> set[str]:
        return self.names

    def spoil_token(self) -> None: ...


@dataclass
class StandIn:
    """What the panel asks of a demo."""

    world: FakeWorld
    conductor: FakeConductor = field(default_factory=FakeConductor)
    life: FakeLife = field(default_factory=FakeLife)
    switches: FakeSwitches = field(default_factory=FakeSwitches)
    chronicle: Chronicle = field(default_factory=Chronicle)
    token: str = "page-token"
    portal_url: str = "http://127.0.0.1:7"
    over: bool = False

    def start_over(self) -> None:
        self.over = True

    def damage(self) -> None: ...

    def turn(self, name: str, on: bool) -> None:
        if name not in ("down", "busy"):
            raise LookupError(name)
        (self.switches.names.add if on else self.switches.names.discard)(name)


def put_letters(folder: Path, count: int) -> None:
    """Letters of the mail room's file: every second asks, names and words carry markup."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "letters.jsonl", "a", encoding="utf-8") as file:
        for number in range(1, count + 1):
            file.write(json.dumps(letter(number), ensure_ascii=False) + "\n")


def letter(number: int) -> dict[str, Any]:
    """One line of the file."""
    address = f"p{number % 5}@client.example.com"
    link = f"{SCORE}?score=" if number % 2 else "http://127.0.0.1:9/about?"
    return {
        "n": number, "at": NOW.timestamp() + number * 60, "from": "a@agency.example.com", "to": [address],
        "headers": {
            "From": "Дарья Соколова <staff3@agency.example.com>", "Date": "x",
            "To": f"Ганна <b>Ґудзь</b> {number % 5} <{address}>",
            "Subject": f"Письмо {number}: один вопрос <script>alert(1)</script>",
            "List-Unsubscribe": "<http://127.0.0.1:9/u/tok-1>",
        },
        "text": f"Здравствуйте, Анна!\nномер{number} {link}9",
        "html": f"<html><head><title>x</title></head><body><p>Здравствуйте! <a href='{link}9'>9</a>"
                f"<script>document.title='ran'</script></p></body></html>",
        "bytes": 10,
    }  # fmt: skip


TALK = Talk("Майя Звонарёва", "Анна <b>Ли</b>", "Пекарня", "+7495100", SCORED, 9, "Всё <i>быстро</i>")
SURVEY = {
    "id": 4, "name": "2026", "stage": "mailing", "approved_by": "Роман", "result": {},
    "counts": {"clients": 24, "eligible": 12, "invited": 14, "answered": 5, "open": 9},
}  # fmt: skip
