"""What the portal holds, read by REST with a webhook of our own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from integration.bitrix.sandbox.agency import COMPANY, CONTACT, DEAL, LEAD

from .ground import Card, Json, day_of, yes
from .portal import Reader

KIND_IDS = {"lead": LEAD, "deal": DEAL, "company": COMPANY, "contact": CONTACT}
P = "UF_CRM_MOLVA_"
_LINK = {"D": "deal", "C": "contact", "CO": "company", "L": "lead"}


@dataclass(frozen=True)
class CardScore:
    """The score fields of one card."""

    score: int
    group: str
    day: date | None
    comment: str
    wave: str
    channel: str


@dataclass(frozen=True)
class Task:
    """A task as the portal shows it. ``links``: the cards it stands on."""

    id: int
    title: str
    text: str
    owner: int
    creator: int
    day: date | None
    watchers: tuple[int, ...]
    links: frozenset[Card]
    status: int


@dataclass
class Actual:
    """Cards, comments and tasks after the year."""

    scores: dict[Card, CardScore] = field(default_factory=dict)
    comments: dict[Card, list[str]] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    opted_out: set[int] = field(default_factory=set)
    referrals: dict[Card, tuple[str, str]] = field(default_factory=dict)
    sources: dict[Card, str] = field(default_factory=dict)


def read(reader: Reader, commented: set[Card]) -> Actual:
    """Everything; ``commented``: cards whose timeline is read besides those that carry a score."""
    actual = Actual()
    for kind, number in KIND_IDS.items():
        items = reader.items(number)
        _scores(actual, reader, kind, items)
        _referrals(actual, reader, kind, items)
        if kind == "contact":
            actual.opted_out = {n for n, item in items.items() if yes(item.get(f"{P}OPT_OUT"))}
    cards = sorted(commented | {card for card in actual.scores if card[0] != "contact"})
    for card, rows in reader.comments(cards).items():
        actual.comments[card] = [str(row["COMMENT"]) for row in rows]
    actual.tasks = [_task(row) for row in reader.tasks()]
    return actual


def _scores(actual: Actual, reader: Reader, kind: str, items: dict[int, Json]) -> None:
    if kind == "lead":
        return
    groups, channels = reader.enum(kind, f"{P}NPS_GROUP"), reader.enum(kind, f"{P}NPS_CHANNEL")
    for number, item in items.items():
        score = item.get(f"{P}NPS_SCORE")
        if score in (None, "") and not item.get(f"{P}NPS_WAVE"):
            continue
        actual.scores[kind, number] = CardScore(
            score=int(score) if score not in (None, "") else -1,
            group=groups.get(str(item.get(f"{P}NPS_GROUP")), "?"),
            day=day_of(item.get(f"{P}NPS_DATE")),
            comment=str(item.get(f"{P}NPS_COMMENT") or ""),
            wave=str(item.get(f"{P}NPS_WAVE") or ""),
            channel=channels.get(str(item.get(f"{P}NPS_CHANNEL")), "?"),
        )


def _referrals(actual: Actual, reader: Reader, kind: str, items: dict[int, Json]) -> None:
    sources = reader.enum(kind, f"{P}REFERRAL_SOURCE")
    for number, item in items.items():
        source = sources.get(str(item.get(f"{P}REFERRAL_SOURCE") or ""), "")
        referrer = _one(item.get(f"{P}REFERRER"))
        if source or referrer:
            actual.referrals[kind, number] = (source, referrer)
        if kind in ("lead", "deal"):
            actual.sources[kind, number] = str(item.get("sourceId") or "")


def _one(value: Any) -> str:
    if isinstance(value, list):
        value = value[0] if value else ""
    return str(value or "")


def _task(row: Json) -> Task:
    links = row.get("ufCrmTask") or []
    return Task(
        id=int(row["id"]),
        title=str(row["title"]),
        text=str(row.get("description") or ""),
        owner=int(row["responsibleId"]),
        creator=int(row["createdBy"]),
        day=day_of(row.get("deadline")),
        watchers=tuple(int(one) for one in row.get("auditors") or ()),
        links=frozenset(link_of(text) for text in links),
        status=int(row.get("status") or 0),
    )


def link_of(text: str) -> Card:
    """``CO_3`` → ("company", 3)."""
    match = re.fullmatch(r"([A-Z]+)_(\d+)", str(text))
    if match is None or match[1] not in _LINK:
        return ("?", 0)
    return (_LINK[match[1]], int(match[2]))
