"""Who recommended whom in earlier years, as the agency's own table would hold it; `molva referrals import` reads it."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from integration.bitrix.sandbox.story import Story
from integration.bitrix.sandbox.story_cast import IMPORT_DAY

Json = dict[str, Any]

HEADINGS = ("Клиент", "Кто рекомендовал", "Дата", "Примечание")
NOTES = ("", "", "Познакомили на конференции", "Дали наш телефон соседям по офису", "Рассказали на встрече")
#: Of a hundred clients so many came because somebody had recommended the agency.
_CAME = 0.6
#: Who was here first and talks a lot: half of the recommendations are of these, the others of
#: those who came so.
_TALKERS = 4


def write(story: Story, path: Path) -> int:
    """One row for each client that came so before the story begins, none in the batch of the import. Gives their
    number; a referrer is always an older client, so that there is no circle."""
    rng = Random(f"{story.seed}:friends")
    known, rows = _clients(story), []
    brought: list[int] = []
    names = _names(story)
    sold = {
        deal["companyId"]
        for deal in story.agency.deals
        if str(deal["title"]).startswith(("Продажа", "Сопровож"))
    }
    for place, (came, client) in enumerate(known):
        if place < _TALKERS or came == IMPORT_DAY or client not in sold or rng.random() >= _CAME:
            continue
        first = rng.random() < 0.5
        older = [one for _, one in known[:_TALKERS]] if first or not brought else brought
        day = came - timedelta(days=rng.randrange(6, 40))
        rows.append((names[client], names[rng.choice(older)], f"{day:%d.%m.%Y}", rng.choice(NOTES)))
        brought.append(client)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=";").writerows([HEADINGS, *rows])
    return len(rows)


def _clients(story: Story) -> list[tuple[date, int]]:
    """Companies that have bought or are served, by the day on which it began."""
    first: dict[int, date] = {}
    sold = {"not_current", "vanishing"}
    mine = {
        int(key.partition(":")[2]) for key, kind in story.kinds.items() if _born(key) and kind not in sold
    }
    for deal in story.agency.deals:
        company, day = deal["companyId"], datetime.fromisoformat(deal["createdTime"]).date()
        if company in mine:
            first[company] = min(day, first.get(company, day))
    return sorted((day, company) for company, day in first.items())


def _born(key: str) -> bool:
    """Whether it is a company that was there at the beginning."""
    return key.startswith("company:") and key.partition(":")[2].isdigit()


def _names(story: Story) -> dict[int, str]:
    """What the table calls them: by name, by the card's address where several have that name."""
    rows = story.agency.companies
    many = Counter(str(row["title"]).casefold() for row in rows)
    return {
        row["id"]: str(row["title"]) if many[str(row["title"]).casefold()] == 1 else f"company:{row['id']}"
        for row in rows
    }
