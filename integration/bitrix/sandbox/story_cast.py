"""What the functions that invent clients share: firms with names, people, sales and services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from .story_cards import SALES, SERVICE, Cards, PersonSpec, Step, at
from .story_names import FIRMS, TRICKY
from .story_staff import CITIES, LEFT, SELLERS, managers_of

IMPORT_DAY = date(2022, 3, 1)


@dataclass(frozen=True)
class Firm:
    """A company card with what else the story needs to know about it."""

    id: int
    title: str
    domain: str
    city: str
    manager: int
    language: str
    created: datetime


@dataclass
class Cast:
    """What the functions below share. ``begin``: the story's first day."""

    cards: Cards
    begin: date
    kinds: dict[str, str] = field(default_factory=dict)
    firms: int = 0

    def firm(self, *, imported: bool = False, own: bool = False) -> Firm:
        """A company with an invented name, somewhere in one of the two cities, served by a manager there."""
        title, label = self.name()
        rng = self.cards.rng
        city = rng.choice(CITIES)
        manager = LEFT if rng.random() < 0.08 else rng.choice(managers_of(city))
        language = rng.choice(("ru", "ru", "uk", "en"))
        created = at(IMPORT_DAY) if imported else at(self.begin - timedelta(days=rng.randrange(1200, 1800)))
        number = self.cards.company(title, city, manager, created, own=own)
        return Firm(number, title, f"{label}.example.com", city, manager, language, created)

    def name(self) -> tuple[str, str]:
        """A title and a domain label; hard ones come early, so that small stories have some too."""
        self.firms += 1
        number = self.firms
        if number % 3 == 0 and number // 3 <= len(TRICKY):
            return TRICKY[number // 3 - 1]
        title, label = FIRMS[number % len(FIRMS)]
        round_ = number // len(FIRMS)
        return (f"{title} {round_ + 1}" if round_ else title), f"{label}{number}"

    def person(self, firm: Firm, post: str = "") -> PersonSpec:
        return self.cards.person(firm.domain, firm.language, post)

    def employee(self, firm: Firm, spec: PersonSpec | None = None, post: str = "") -> int:
        """A contact card of the firm."""
        return self.cards.contact(
            spec or self.person(firm, post), firm.id, firm.manager, firm.created, firm.city
        )

    def day(self, least: int, most: int) -> date:
        """A day that many days before the story begins."""
        return self.begin - timedelta(days=self.cards.rng.randrange(least, most))

    def call(self, firm: Firm, kind: str) -> None:
        self.kinds[f"company:{firm.id}"] = kind


def won(cast: Cast, firm: Firm, contacts: Sequence[int], day: date, **more: object) -> int:
    """A sale that began three weeks before it was won."""
    rng = cast.cards.rng
    life: list[Step] = [
        (at(day - timedelta(days=21)), SALES, "NEW"),
        (at(day - timedelta(days=9), 15), SALES, "PREPARATION"),
        (at(day, 16), SALES, "WON"),
    ]
    given = {"begin": day, "close": day} | more
    return cast.cards.deal(
        f"Продажа: {firm.title}"[:200], firm.id, contacts, life, rng.choice(SELLERS), **given
    )


def service(
    cast: Cast, firm: Firm, contacts: Sequence[int], day: date, last: str = "WORK", **more: object
) -> int:
    """A deal in the service pipeline since ``day``; ``last`` is the stage where it stands now."""
    life: list[Step] = [(at(day, 10), SERVICE, "NEW"), (at(day + timedelta(days=3), 12), SERVICE, "WORK")]
    if last != "WORK":
        life.append((at(day + timedelta(days=200), 12), SERVICE, last))
    given = {"begin": day} | more
    return cast.cards.deal(
        f"Обслуживание: {firm.title}"[:200], firm.id, contacts, life, firm.manager, **given
    )
