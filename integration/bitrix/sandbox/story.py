"""The sandbox's agency and a year of its life, the same for the same seed.

It begins on a fixed day, so that nothing depends on when it runs: 12 January 2026, nine o'clock in Moscow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from random import Random

from .agency import Agency, PortalInfo, default_statuses, stage_rows
from .story_cards import SALES, SERVICE, Cards, at
from .story_cast import Cast
from .story_clients import populate
from .story_money import renew
from .story_staff import SELLERS, departments, users
from .story_year import Act, write_year

BEGIN = date(2026, 1, 12)
#: The day on which the wave of 1 October freezes its list, unless the caller knows better.
FREEZE = date(2026, 8, 20)
#: Clients that come into being during the year: two recommended ones, three newcomers.
BORN = 5
#: The agency's portal speaks Russian: stages and sources of a fresh portal in its words.
_NAMES = {
    "Won": "Сделка успешна", "Lost": "Сделка провалена", "Analysis of failure": "Анализ причины провала",
    "Unsorted": "Не обработан", "In work": "В работе", "Good lead": "Качественный лид",
    "Junk lead": "Некачественный лид", "Call": "Звонок", "E-mail": "Электронная почта",
    "Website": "Веб-сайт", "Advertising": "Реклама", "Existing client": "Существующий клиент",
    "By recommendation": "По рекомендации", "Other": "Другое",
}  # fmt: skip
#: The fewest clients a story is told about.
LEAST = 12


@dataclass(frozen=True)
class Story:
    """An agency, what its staff will do, and what kind of client each card is.

    ``kinds``: ``company:5`` → ``eligible``, ``not_current``, … (the words of the clients' functions);
    clients born later stand as ``company:@name``. ``languages``: address → language of its reader.
    """

    seed: int
    begin: datetime
    freeze: date
    agency: Agency
    acts: tuple[Act, ...]
    kinds: dict[str, str]
    languages: dict[str, str]


def tell(seed: int = 1, clients: int = 60, freeze: date = FREEZE, lived: date = BEGIN) -> Story:
    """Invents the agency. ``clients`` counts those born in the year too; ``lived``: up to which day its clients have
    paid for another year. Raises ``ValueError`` for too few."""
    if clients < LEAST:
        raise ValueError(f"a story needs at least {LEAST} clients")
    cards = Cards(Random(seed), _office(), Random(f"{seed}:money"))
    cast = Cast(cards, BEGIN)
    populate(cast, clients - BORN)
    _leads(cards)
    year = write_year(cast, freeze)
    renew(cast, lived)
    cards.agency.stage_history.sort(key=lambda row: datetime.fromisoformat(row["CREATED_TIME"]))
    return Story(
        seed, at(BEGIN, 9), freeze, cards.agency, tuple(year.acts), cast.kinds | year.kinds, cards.languages
    )


def _office() -> Agency:
    agency = Agency(portal=PortalInfo(), users=users(), departments=departments())
    agency.categories = [
        {"id": SALES, "name": "Продажи", "sort": 100, "isDefault": "Y"},
        {"id": SERVICE, "name": "Обслуживание", "sort": 200, "isDefault": "N"},
    ]
    work = [("NEW", "Новая"), ("PREPARATION", "Подготовка"), ("EXECUTING", "Переговоры")]
    served = [("NEW", "Подключение"), ("WORK", "В работе"), ("TROUBLE", "Спор с клиентом")]
    other = [row for row in default_statuses() if not row["ENTITY_ID"].startswith("DEAL_STAGE")]
    rows = stage_rows(SALES, work) + stage_rows(SERVICE, served) + other
    agency.statuses = [row | {"NAME": _NAMES.get(row["NAME"], row["NAME"])} for row in rows]
    return agency


def _leads(cards: Cards) -> None:
    for number in range(1, 7):
        created = at(date(2025, 11, 3 + number))
        spec = cards.person(f"asks{number}.example.com", ("ru", "uk", "en")[number % 3])
        source = ("WEB", "CALL", "ADVERTISING")[number % 3]
        status = "JUNK" if number == 6 else "NEW"
        cards.lead(f"Запрос с сайта {number}", spec, status, SELLERS[number % 2], created, sourceId=source)
