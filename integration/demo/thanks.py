"""Recommendations of the story: what the referrer's card must be told, and whose task it is to say thank you.

Told once more from what the agency's people did, nothing of it from the product.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from integration.bitrix.sandbox.agency import DEAL
from integration.bitrix.sandbox.story_year import Act

from . import settings
from .actual import Actual, Task, link_of
from .days import Office, local_day
from .ground import Card, Ground

P = "UF_CRM_MOLVA_"
FINISHED = 5  # the status of a finished task


@dataclass(frozen=True)
class Brought:
    """One recommendation. ``claimed``: when the lead's card was given its referrer; ``won``: when its deal was;
    ``still``: who was at work then, and left later."""

    referrer: Card
    newcomer: Card
    claimed: datetime
    won: datetime | None
    still: frozenset[int] = frozenset()

    @property
    def news(self) -> list[list[date]]:
        """What the referrer's card is told: the days in each comment, one line for each step.

        Named and introduced with the lead; a deal won at once has been in talks, is won and paid on that day.
        """
        found = [[local_day(self.claimed)] * 2]
        return [*found, [local_day(self.won)] * 3] if self.won else found


def brought(acts: Iterable[Act], known: Mapping[str, int]) -> list[Brought]:
    """The recommendations that staff entered on leads, in the order of time."""
    claims: dict[str, tuple[Card, datetime]] = {}
    won: dict[str, datetime] = {}
    left: dict[int, datetime] = {}
    for act in sorted(acts, key=lambda one: one.at):
        fields, name = act.params.get("fields", {}), str(act.params.get("id", "")).removeprefix("@")
        if f"{P}REFERRER" in fields:
            claims[name] = (link_of(fields[f"{P}REFERRER"]), act.at)
        if act.params.get("entityTypeId") == DEAL and fields.get("stageId") == "WON":
            won[name] = act.at
        if act.params.get("ACTIVE") is False:
            left[int(act.params["ID"])] = act.at

    def still(deal: str) -> frozenset[int]:
        return frozenset(user for user, at in left.items() if deal in won and at > won[deal])

    return [
        Brought(
            referrer,
            ("company", known[f"{lead}_company"]),
            claimed,
            won.get(f"{lead}_deal"),
            still(f"{lead}_deal"),
        )
        for lead, (referrer, claimed) in claims.items()
        if f"{lead}_company" in known
    ]


def owner_of(ground: Ground, referrer: Card, still: frozenset[int] = frozenset()) -> int:
    """Who says thank you: whoever is responsible for the referrer's card, else the director of the branch, the default
    owner, the head. ``still``: who was at work when it was asked for, and is not on the ground any more."""
    rules = settings.policy()
    manager = int(ground.companies[referrer[1]].get("assignedById") or 0)
    branch = rules["director_by_city"].get(ground.cities.get(referrer, ""), 0)
    candidates = (manager, branch, rules["default_owner"], rules["head_user_id"])
    return int(next(user for user in candidates if user in still or ground.active(user)))


def take_notes(many: Iterable[Brought], actual: Actual) -> list[str]:
    """Takes the comments about recommendations out of what the cards show; what is missing."""
    missing: list[str] = []
    for one in many:
        left = actual.comments.get(one.referrer, [])
        for days in one.news:
            match = next((text for text in left if _tells(text, one.newcomer, days)), None)
            if match is None:
                missing.append(
                    f"{_name(one.referrer)}: not told of {_name(one.newcomer)} on {days[0]}, {len(days)} steps"
                )
            else:
                left.remove(match)
    return missing


def _tells(text: str, newcomer: Card, days: list[date]) -> bool:
    """The head links to the newcomer, or to the lead it came from; one line for each step ends with its day."""
    head, *lines = text.replace("\r\n", "\n").split("\n")
    about = f"/crm/{newcomer[0]}/details/{newcomer[1]}/" in head or "/crm/lead/details/" in head
    dated = [
        line
        for line, day in zip(lines, days, strict=False)
        if re.search(rf"\b{day.day} \D+ {day.year}$", line)
    ]
    return about and len(lines) == len(days) + 1 and len(dated) == len(days)


def take_tasks(many: Iterable[Brought], ground: Ground, office: Office, actual: Actual) -> Iterator[str]:
    """Takes the tasks to say thank you out of what the portal shows; what is missing or wrong."""
    for one in many:
        if one.won is None:
            continue
        owner, day = owner_of(ground, one.referrer, one.still), office.due_day(one.won, settings.THANKS_DAYS)
        links = frozenset((one.referrer, one.newcomer))
        match = next((task for task in actual.tasks if _is(task, links, owner, day)), None)
        if match is None:
            near = [
                f"«{task.title[:50]}» user {task.owner} until {task.day}"
                for task in actual.tasks
                if task.links == links
            ]
            what = f"no thanks of user {owner} until {day} for {_name(one.newcomer)}"
            yield f"{_name(one.referrer)}: {what}; there is {near}"
            continue
        actual.tasks.remove(match)
        if match.status != FINISHED:
            yield f"{_name(one.referrer)}: the thanks have status {match.status}, their owner finished them"


def _is(task: Task, links: frozenset[Card], owner: int, day: date) -> bool:
    return (task.links, task.owner, task.day, task.watchers) == (links, owner, day, ())


def _name(card: Card) -> str:
    return f"{card[0]} {card[1]}"
