"""A wave whose course is known beforehand: so many clients refuse, so many answer by phone, by letter, not at all.

The story of the check against a published wave: 500 clients are called; 90 refuse, 190 answer by phone, 20 are not
reached in twelve attempts, the others ask for a letter. 26 of the 220 who are written to answer; 26, 36 and 38 % of all
answers are those of detractors, passives and promoters. A second year follows over the same clients with another mix of
channels. `Year` also counts what happened, one client after the other, without a line of the product's own reports.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from integration.bitrix.sandbox.agency import Agency, stage_rows

Json = dict[str, Any]
Act = Literal["refuse", "phone", "early", "late", "silent"]

CLIENTS = 500
UNREACHED, ATTEMPTS = 20, 12
SERVICE = 2
HEAD, DIRECTOR = 1, 5
MANAGERS = (6, 7, 8)
CITIES = ("Казань", "Тверь", "Новосибирск", "Львів", "Пермь")
SINCE = "2024-05-01T10:00:00+03:00"
SCORES = {"detractor": (0, 3, 5, 6), "passive": (7, 8), "promoter": (9, 10)}
# Who does what in the first year: channel, group, how many.
FIRST: tuple[tuple[Act, str, int], ...] = (
    ("refuse", "", 90),
    ("phone", "detractor", 44), ("phone", "passive", 70), ("phone", "promoter", 76),
    ("late", "detractor", 12), ("late", "passive", 8), ("late", "promoter", 6),
    ("silent", "", 194),
)  # fmt: skip
# The year after: fewer calls, more letters; `early` answers the question, `late` a reminder.
SECOND: tuple[tuple[Act, str, int], ...] = (
    ("refuse", "", 40),
    ("phone", "detractor", 14), ("phone", "passive", 22), ("phone", "promoter", 44),
    ("early", "detractor", 26), ("early", "passive", 30), ("early", "promoter", 34),
    ("late", "detractor", 12), ("late", "passive", 13), ("late", "promoter", 9),
    ("silent", "", 256),
)  # fmt: skip


@dataclass(frozen=True)
class Deed:
    """What one client does in one year; `score` is None without an answer."""

    client: int
    act: Act
    score: int | None

    @property
    def group(self) -> str:
        """Of the score; empty without one."""
        return next((name for name, scores in SCORES.items() if self.score in scores), "")

    @property
    def channel(self) -> str:
        """By which an answer came; empty without one."""
        return {"phone": "phone", "early": "email", "late": "email"}.get(self.act, "")


@dataclass(frozen=True)
class Year:
    """What every client does in one year, with the story's own count of it."""

    deeds: tuple[Deed, ...]

    def of(self, *acts: Act) -> list[Deed]:
        """Those who do one of these."""
        return [one for one in self.deeds if one.act in acts]

    @property
    def answers(self) -> list[Deed]:
        """Those who answer."""
        return [one for one in self.deeds if one.score is not None]

    def groups(self, deeds: Iterable[Deed] | None = None) -> tuple[int, int, int]:
        """Detractors, passives and promoters of all who answer, or of these."""
        found = Counter(one.group for one in (self.answers if deeds is None else deeds))
        return found["detractor"], found["passive"], found["promoter"]

    def by_channel(self) -> dict[str, tuple[int, int, int]]:
        """The same by channel."""
        channels = sorted({one.channel for one in self.answers})
        return {name: self.groups(one for one in self.answers if one.channel == name) for name in channels}

    def by(self, places: dict[int, Any]) -> dict[Any, tuple[int, int, int]]:
        """The same by the place of each client, e.g. its city."""
        return {
            place: self.groups(one for one in self.answers if places[one.client] == place)
            for place in sorted(set(places.values()))
        }

    @property
    def unreached(self) -> list[Deed]:
        """Those who never pick up the telephone: the first of the silent ones."""
        return self.of("silent")[:UNREACHED]

    def picks_up(self, deed: Deed) -> int:
        """At which attempt this client picks up; beyond `ATTEMPTS`: never."""
        if deed in self.unreached:
            return ATTEMPTS + 1
        return 1 + deed.client % (3 if deed.act == "phone" else 2)

    def yields(self) -> list[tuple[int, int, int]]:
        """Of each attempt: whom it was made to, who picked up, who answered."""
        found = []
        for number in range(1, ATTEMPTS + 1):
            at = [self.picks_up(one) for one in self.deeds]
            answered = sum(self.picks_up(one) == number for one in self.of("phone"))
            found.append((sum(one >= number for one in at), at.count(number), answered))
        return found

    def scores(self) -> list[int]:
        """How many gave each score, 0 … 10."""
        found = Counter(one.score for one in self.answers)
        return [found[score] for score in range(11)]


def year(quota: Iterable[tuple[Act, str, int]], seed: int, clients: int = CLIENTS) -> Year:
    """A year by its quota, told of clients in random order; the quota must name as many as there are."""
    dice = Random(seed)
    order = list(range(1, clients + 1))
    dice.shuffle(order)
    parts = [(act, group) for act, group, many in quota for _ in range(many)]
    if len(parts) != clients:
        raise ValueError(f"the quota names {len(parts)} of {clients} clients")
    deeds = (
        Deed(client, act, dice.choice(SCORES[group]) if group else None)
        for client, (act, group) in zip(order, parts, strict=True)
    )
    return Year(tuple(sorted(deeds, key=lambda one: one.client)))


def pairs(first: Year, second: Year) -> list[tuple[Deed, Deed]]:
    """The deeds of clients who answer in both years."""
    then = {one.client: one for one in first.answers}
    return [(then[one.client], one) for one in second.answers if one.client in then]


# --- the portal it happens in


def cities(clients: int = CLIENTS) -> dict[int, str]:
    """In which city each client is."""
    return {number: CITIES[number % len(CITIES)] for number in range(1, clients + 1)}


def managers(clients: int = CLIENTS) -> dict[int, int]:
    """Who serves each client."""
    return {number: MANAGERS[number % len(MANAGERS)] for number in range(1, clients + 1)}


def agency(clients: int = CLIENTS) -> Agency:
    """An agency that has served each of its clients for years, with one person each; names as people write them."""
    made = Agency()
    made.users = [
        _employee(HEAD, "Пётр", "Сом", admin=True), _employee(DIRECTOR, "Ольга", "Лис"),
        *(_employee(number, "Иван", f"Петров-{number}") for number in MANAGERS),
    ]  # fmt: skip
    made.categories = [
        *made.categories, {"id": SERVICE, "name": "Сопровождение", "sort": 400, "entityTypeId": 2, "isDefault": "N"},
    ]  # fmt: skip
    made.statuses = [*made.statuses, *stage_rows(SERVICE, [("WORK", "В работе")])]
    serves, place = managers(clients), cities(clients)
    numbers = range(1, clients + 1)
    made.companies = [{"id": n, "title": _title(n), "assignedById": serves[n]} for n in numbers]
    made.contacts = [_contact(n) for n in numbers]
    made.deals = [
        {"id": n, "title": f"Договор {n}", "companyId": n, "contactIds": [n], "categoryId": SERVICE,
         "stageId": f"C{SERVICE}:WORK", "opportunity": 1000 * n, "assignedById": serves[n]}
        for n in numbers
    ]  # fmt: skip
    made.stage_history = list(_history(numbers))
    made.requisites = [
        {"ID": str(n), "ENTITY_TYPE_ID": "4", "ENTITY_ID": str(n), "NAME": "Основной"} for n in numbers
    ]
    made.addresses = [
        {"TYPE_ID": "1", "ENTITY_TYPE_ID": "8", "ENTITY_ID": str(n), "CITY": place[n]} for n in numbers
    ]
    return made


def _title(number: int) -> str:
    """Names with quotes, signs and pictures are among them."""
    odd = {
        1: "=1+1",
        2: '"Рога & Копыта" <ООО>',
        3: "Кафе 🙂 «Уют»",
        4: "O'Нил",
        5: "+7 дней",
        6: "@студия",
        7: "-минус",
    }
    return odd.get(number, f"Клиент {number}")


def _employee(number: int, name: str, last: str, *, admin: bool = False) -> Json:
    return {
        "ID": str(number), "NAME": name, "LAST_NAME": last, "EMAIL": f"user{number}@agency.example.com",
        "WORK_POSITION": "директор" if admin else "менеджер", "ACTIVE": True, "ADMIN": admin, "UF_DEPARTMENT": [1],
        "PERSONAL_CITY": "", "TIME_ZONE": "Europe/Moscow", "WORK_PHONE": f"+7495000000{number}",
    }  # fmt: skip


def _contact(number: int) -> Json:
    mail = {"typeId": "EMAIL", "valueType": "WORK", "value": f"p{number}@client{number}.example.com"}
    phone = {"typeId": "PHONE", "valueType": "MOBILE", "value": f"+7 900 {number:03d}-00-01"}
    return {
        "id": number,
        "name": "Анна",
        "lastName": f"Коваль-{number}",
        "companyIds": [number],
        "fm": [mail, phone],
    }


def _history(numbers: Iterable[int]) -> Iterator[Json]:
    for number in numbers:
        yield {
            "entityTypeId": 2, "TYPE_ID": 1, "OWNER_ID": number, "CREATED_TIME": SINCE, "CATEGORY_ID": SERVICE,
            "STAGE_ID": f"C{SERVICE}:WORK", "STAGE_SEMANTIC_ID": "P",
        }  # fmt: skip


def policy() -> Json:
    """What the agency's head decided."""
    senders = [
        {"key": key, "user_id": user, "name": name, "position": position, "email": f"user{user}@agency.example.com",
         "phone": f"+7495000000{user}"}
        for key, user, name, position in (
            ("head", HEAD, "Пётр Сом", "директор"), ("branch", DIRECTOR, "Ольга Лис", "руководитель отдела"),
        )
    ]  # fmt: skip
    return {
        "service_pipelines": [SERVICE], "wave_month": 0, "reminder_days": [4], "closing_days": 7,
        "time_zone": "Europe/Moscow", "language": "ru", "country": "RU", "senders": senders, "default_sender": "branch",
        "head_sender": "head", "head_user_id": HEAD, "wave_owner": HEAD, "default_owner": DIRECTOR,
        "thanks_letters": False, "critical_tasks": False,
    }  # fmt: skip
