"""The agency's own people: two cities, a head, directors, managers, sellers, a caller, and one who left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

ADMIN, HEAD, DIRECTOR_A, DIRECTOR_B, SALES_HEAD, LEFT, CALLER = 1, 2, 3, 4, 5, 14, 15
MANAGERS_A, MANAGERS_B, SELLERS = (6, 7, 8), (9, 10, 11), (12, 13)
CITY_A, CITY_B = "Казань", "Тверь"
CITIES = (CITY_A, CITY_B)

_STAFF = (
    (ADMIN, "Анна", "Портнова", "Администратор портала", (1,), "", True, True),
    (HEAD, "Роман", "Воеводин", "Руководитель агентства", (1,), CITY_A, True, False),
    (DIRECTOR_A, "Дарья", "Соколова", "Директор по работе с клиентами", (2,), CITY_A, True, False),
    (DIRECTOR_B, "Андрій", "Криниця", "Директор по работе с клиентами", (3,), CITY_B, True, False),
    (SALES_HEAD, "Helen", "Brook", "Руководитель отдела продаж", (4,), CITY_A, True, False),
    (6, "Кирилл", "Озёрный", "Менеджер проектов", (2,), CITY_A, True, False),
    (7, "Алла", "Радужная", "Менеджер проектов", (2,), CITY_A, True, False),
    (8, "Peter", "Nightingale", "Менеджер проектов", (2,), CITY_A, True, False),
    (9, "Леся", "Барвінок", "Менеджер проектов", (3,), CITY_B, True, False),
    (10, "Глеб", "Мостовой", "Менеджер проектов", (3,), CITY_B, True, False),
    (11, "Инна", "Ручьёва", "Менеджер проектов", (3,), CITY_B, True, False),
    (12, "Олег", "Купцов", "Продавец", (4,), CITY_A, True, False),
    (13, "Зоя", "Ярмарова", "Продавец", (4,), CITY_B, True, False),
    (LEFT, "Егор", "Прощалов", "Менеджер проектов", (2,), CITY_A, False, False),
    (CALLER, "Майя", "Звонарёва", "Оператор колл-центра", (4,), CITY_A, True, False),
)


@dataclass(frozen=True)
class Signer:
    """A living person who signs letters."""

    user_id: int
    name: str
    position: str
    email: str
    phone: str


def users() -> list[Json]:
    """Rows of ``user.get`` plus who is an administrator."""
    return [
        {
            "ID": str(number), "NAME": name, "LAST_NAME": last, "EMAIL": email(number), "WORK_POSITION": position,
            "ACTIVE": active, "ADMIN": admin, "UF_DEPARTMENT": list(departments), "PERSONAL_CITY": city,
            "TIME_ZONE": "Europe/Moscow", "WORK_PHONE": f"+7 900 000-00-{number:02d}", "PERSONAL_MOBILE": "",
        }
        for number, name, last, position, departments, city, active, admin in _STAFF
    ]  # fmt: skip


def email(user_id: int) -> str:
    """The work address of an employee."""
    return f"staff{user_id}@agency.example.com"


def departments() -> list[Json]:
    """The structure: the agency, two branches, sales."""
    rows: list[tuple[int, str, int | None, int]] = [
        (1, "Агентство «Полдень»", None, HEAD),
        (2, f"Филиал {CITY_A}", 1, DIRECTOR_A),
        (3, f"Филиал {CITY_B}", 1, DIRECTOR_B),
        (4, "Продажи", 1, SALES_HEAD),
    ]
    return [
        {"ID": str(number), "NAME": name, "SORT": 100 * number, "PARENT": str(parent) if parent else None,
         "UF_HEAD": str(head)}
        for number, name, parent, head in rows
    ]  # fmt: skip


def signer(user_id: int) -> Signer:
    """The employee as a signature."""
    row = next(row for row in users() if row["ID"] == str(user_id))
    return Signer(
        user_id, f"{row['NAME']} {row['LAST_NAME']}", row["WORK_POSITION"], row["EMAIL"], row["WORK_PHONE"]
    )


def director_of(city: str) -> int:
    """The account director of a branch."""
    return DIRECTOR_B if city == CITY_B else DIRECTOR_A


def managers_of(city: str) -> tuple[int, ...]:
    """Account managers of a branch."""
    return MANAGERS_B if city == CITY_B else MANAGERS_A
