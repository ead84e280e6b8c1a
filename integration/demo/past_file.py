"""The agency's old surveys: files of three past years, as a spreadsheet kept by hand would hold them."""

from __future__ import annotations

import csv
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from integration.bitrix.sandbox.story import Story
from integration.bitrix.sandbox.story_names import words_for

Json = dict[str, Any]
YEARS = (2023, 2024, 2025)
#: The mood of each year, worst first: how often a client was lost, torn or glad.
_SCORES = {
    2023: (2, 5, 6, 6, 7, 8, 8, 9, 9, 10),
    2024: (3, 6, 7, 7, 8, 8, 9, 9, 10, 10),
    2025: (4, 6, 7, 8, 8, 9, 9, 9, 10, 10),
}
_WORDS = {
    "glad": (
        "Молодцы, так держать 👍",
        "Советую вас всем знакомым <3",
        "Прийом, зв'язок — на рівні!",
        "Best team ever & fair prices",
    ),
    "torn": (
        "Нормально, но отчёты приходят поздно.",
        "Хороша робота, але дорого.",
        "OK. A call once a month would help.",
    ),
    "lost": (
        "Менеджер сменился третий раз за год :(",
        "Сроки, сроки, сроки!!!",
        "Обіцяли дзвонити & не дзвонять.",
    ),
}
CHANNELS = ("phone", "phone", "email", "in_person")


def write(story: Story, folder: Path) -> dict[str, Path]:
    """One CSV file a year by the name of its wave; who the agency did not serve yet stands in none."""
    folder.mkdir(parents=True, exist_ok=True)
    return {str(year): _year(story, folder / f"опрос-{year}.csv", year) for year in YEARS}


def _year(story: Story, path: Path, year: int) -> Path:
    rng = Random(f"{story.seed}:past:{year}")
    titles = [str(row["title"]) for row in story.agency.companies]
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file, delimiter=";")
        out.writerow(["ID компании", "Компания", "E-mail", "Оценка", "Комментарий", "Дата", "Канал"])
        for company in story.agency.companies:
            if _served(story, company, date(year, 10, 1)) and rng.random() < 0.85:
                alone = titles.count(str(company["title"])) == 1
                out.writerow(_line(rng, story, company, year, by_title=alone and rng.random() < 0.3))
        if year == YEARS[0]:
            day = f"{date(year, 10, 12):%d.%m.%Y}"
            out.writerow(["", "ИП Соловей (закрыт)", "", "7", "Спасибо, было полезно", day, "phone"])
    return path


def _served(story: Story, company: Json, day: date) -> bool:
    if company.get("isMyCompany") == "Y":
        return False
    begins = [
        datetime.fromisoformat(deal["createdTime"]).date()
        for deal in story.agency.deals
        if deal["companyId"] == company["id"]
    ]
    return any(begin < day for begin in begins)


def _line(rng: Random, story: Story, company: Json, year: int, *, by_title: bool) -> list[str]:
    score = rng.choice(_SCORES[year])
    mood = "glad" if score >= 9 else "torn" if score >= 7 else "lost"
    comment = rng.choice((*_WORDS[mood], *_WORDS[mood], words_for(rng, "ru", score), ""))
    day = date(year, 10, 5) + timedelta(days=rng.randrange(0, 18))
    people = [card for card in story.agency.contacts if company["id"] in card.get("companyIds", ())]
    mails = [entry["value"] for card in people for entry in card["fm"] if entry["typeId"] == "EMAIL"]
    email = rng.choice(mails) if mails and rng.random() < 0.8 else ""
    number = "" if by_title else str(company["id"])
    title = str(company["title"]) if by_title else ""
    return [number, title, email, str(score), comment, f"{day:%d.%m.%Y}", rng.choice(CHANNELS)]
