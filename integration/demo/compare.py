"""Expected beside actual, card by card; every difference is one line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from . import settings
from .actual import Actual, CardScore, Task
from .callers import Call
from .days import local_day
from .expect import Duty, Expected, Note, Score, net
from .ground import Card
from .letters import Letter

#: The status of a finished task.
FINISHED = 5


#: How the portal, which speaks Russian here, is told what a client chose instead of answering.
CHOSEN = {"later": "сейчас не время", "never": "больше не спрашивать"}


@dataclass(frozen=True)
class Carried:
    """A referral that should stand on a card; ``source_id``: the portal's own source, "" where it is not looked at."""

    card: Card
    source: str
    referrer: str
    source_id: str = ""


def differences(
    expected: Expected, actual: Actual, letters: Iterable[Letter], wave: str, carried: Iterable[Carried]
) -> list[str]:
    """Every mismatch, sorted by card. Empty: the portal holds what it should."""
    found = [*_scores(expected, actual, wave), *_notes(expected, actual), *_duties(expected, actual)]
    found += [*_letters(expected, letters), *_wishes(expected, actual), *_referrals(actual, carried)]
    return found


def _scores(expected: Expected, actual: Actual, wave: str) -> Iterator[str]:
    for card in sorted(expected.scores.keys() | actual.scores.keys()):
        wanted, got = expected.scores.get(card), actual.scores.get(card)
        if wanted is None:
            yield f"{_name(card)}: carries score {got.score if got else '?'}, nobody answered for it"
        elif got is None:
            yield f"{_name(card)}: no score, expected {wanted.score}"
        else:
            yield from (f"{_name(card)}: {text}" for text in _fields(wanted, got, wave))


def _fields(wanted: Score, got: CardScore, wave: str) -> Iterator[str]:
    pairs = (
        ("score", wanted.score, got.score), ("group", wanted.group, got.group), ("date", wanted.day, got.day),
        ("wave", wave, got.wave), ("channel", wanted.channel, got.channel),
    )  # fmt: skip
    for name, one, other in pairs:
        if one != other:
            yield f"{name} is {other!r}, expected {one!r}"
    if not _same_words(wanted, got.comment):
        yield f"comment is {got.comment!r}, expected {wanted.comment!r} of {wanted.answers}"


def _same_words(wanted: Score, got: str) -> bool:
    """On an account with several answers their number stands below the words."""
    got = got.replace("\r\n", "\n")
    if wanted.answers < 2:
        return got == wanted.comment
    rest = got.removeprefix(wanted.comment).strip() if got.startswith(wanted.comment) else ""
    return bool(re.search(rf"\b{wanted.answers}\b", rest)) and len(rest) < 60


def _notes(expected: Expected, actual: Actual) -> Iterator[str]:
    wanted: dict[Card, list[Note]] = {}
    for note in expected.notes:
        wanted.setdefault(note.card, []).append(note)
    for card in sorted(wanted.keys() | actual.comments.keys()):
        left = list(actual.comments.get(card, []))
        for note in wanted.get(card, []):
            match = next((text for text in left if _speaks_of(note, text)), None)
            if match is None:
                about = note.choice or f"{note.score} {note.comment[:40]!r}"
                yield f"{_name(card)}: no comment about {about}"
            else:
                left.remove(match)
        for text in left:
            yield f"{_name(card)}: a comment too many: {text[:120]!r}"


def _speaks_of(note: Note, text: str) -> bool:
    plain = text.replace("\u200b", "").replace("\r\n", "\n")
    if note.choice:
        head, *rest = plain.split("\n")
        return CHOSEN[note.choice] in head and any(note.person in line for line in rest)
    return re.search(rf"\b{note.score}\b", plain.split("\n")[0]) is not None and note.comment in plain


def _duties(expected: Expected, actual: Actual) -> Iterator[str]:
    clients = {verdict.card for verdict in expected.verdicts}
    left = [task for task in actual.tasks if task.links & clients]
    for duty in sorted(expected.duties):
        match = next((task for task in left if _is(duty, task)), None)
        if match is not None:
            left.remove(match)
            if match.status != FINISHED:
                yield f"{_name(duty.client)}: {_shown(match)} has status {match.status}, its owner finished it"
            continue
        near = [_shown(task) for task in left if duty.client in task.links]
        yield f"{_name(duty.client)}: no task {duty.kind} for user {duty.owner} until {duty.day}; there is {near}"
    for task in left:
        yield f"{_name(min(task.links & clients))}: a task too many: {_shown(task)}"


def _is(duty: Duty, task: Task) -> bool:
    cards = {duty.client, ("deal", duty.deal), ("contact", duty.contact)}
    scored = re.search(rf"\b{duty.score}\b", task.title) is not None if duty.score >= 0 else True
    watched = bool(task.watchers) == duty.watched
    return (
        cards == set(task.links) and task.owner == duty.owner and task.day == duty.day and scored and watched
    )


def _shown(task: Task) -> str:
    links = ", ".join(_name(card) for card in sorted(task.links))
    return f"«{task.title[:50]}» user {task.owner} until {task.day}, watched by {task.watchers} on {links}"


def _letters(expected: Expected, letters: Iterable[Letter]) -> Iterator[str]:
    got: dict[str, list[tuple[str, date]]] = {}
    for letter in letters:
        got.setdefault(letter.recipient, []).append((letter.kind, local_day(letter.at)))
    for address in sorted(expected.letters.keys() | got.keys()):
        wanted, came = Counter(expected.letters.get(address, [])), Counter(got.get(address, []))
        for (kind, day), count in sorted((wanted - came).items()):
            yield f"{address}: {count} {kind} of {day} missing; came: {_days(got.get(address, []))}"
        for (kind, day), count in sorted((came - wanted).items()):
            yield f"{address}: {count} {kind} of {day} too many"


def _days(rows: list[tuple[str, date]]) -> str:
    return ", ".join(f"{kind} {day}" for kind, day in rows) or "nothing"


def _wishes(expected: Expected, actual: Actual) -> Iterator[str]:
    for contact in sorted(expected.opted_out - actual.opted_out):
        yield f"contact {contact}: said never again, the card does not know"


def _referrals(actual: Actual, carried: Iterable[Carried]) -> Iterator[str]:
    for one in carried:
        got = actual.referrals.get(one.card, ("", ""))
        if got != (one.source, one.referrer):
            yield f"{_name(one.card)}: referral is {got}, expected {(one.source, one.referrer)}"
        if one.source_id and actual.sources.get(one.card) != one.source_id:
            yield f"{_name(one.card)}: source is {actual.sources.get(one.card)!r}, expected {one.source_id!r}"


def _name(card: Card) -> str:
    return f"{card[0]} {card[1]}"


def of_wave(expected: Expected, told: dict[str, Any]) -> list[str]:
    """The wave as ``molva wave list`` tells it beside what should have come of it."""
    reasons = dict(Counter(verdict.reason for verdict in expected.verdicts))
    result = (told.get("result") or {}).get("clients") or {}
    pairs = (
        ("stage", "closed", told.get("stage")),
        ("reasons", reasons, told.get("reasons")),
        ("outcomes", dict(expected.outcomes), told.get("outcomes")),
        (
            "NPS",
            net(expected.clients.values()),
            round(result["nps"], 4) if result.get("nps") is not None else None,
        ),
        ("clients that answered", len(expected.clients), result.get("n")),
        ("frozen result", True, bool(told.get("result_frozen_at"))),
    )
    return [
        f"the wave's {name}: {got!r}, expected {wanted!r}" for name, wanted, got in pairs if wanted != got
    ]


def of_calls(calls: Sequence[Call], told: dict[str, Any]) -> list[str]:
    """The calls the wave's result tells of beside those the callers made, and whether anybody was called too often."""
    result = (told.get("result") or {}).get("calls") or {}
    tried = Counter(Counter(call.key for call in calls).values())
    by_number = [
        sum(many for calls, many in tried.items() if calls >= n) for n in range(1, max(tried, default=0) + 1)
    ]
    pairs = (
        ("number", len(calls), result.get("calls", 0)),
        ("outcomes", dict(Counter(call.outcome for call in calls)), result.get("outcomes", {})),
        ("people by attempt", by_number, [one["tried"] for one in result.get("yield", ())]),
    )
    wrong = [
        f"the calls' {name}: {got!r}, expected {wanted!r}" for name, wanted, got in pairs if wanted != got
    ]
    by_day = Counter((call.key, local_day(call.at)) for call in calls)
    promised = {call.key for call in calls if call.outcome == "call_back"}
    return wrong + [
        f"{key} was called {times} times on {day}"
        for (key, day), times in sorted(by_day.items())
        if times > settings.CALLS_A_DAY + (key in promised)
    ]
