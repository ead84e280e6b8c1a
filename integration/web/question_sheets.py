"""The tables of extra questions in a survey's file: figures, and every answer (product.md N11, P5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from integration.nps.question_numbers import Moved
from integration.nps.questions import Question
from integration.nps.statistics import Interval
from integration.services import question_numbers, questions
from integration.services.question_numbers import Line
from integration.services.wave_accounts import Json
from integration.services.wave_export import Export
from integration.services.workbooks import Row
from integration.web.card_words import CHANNELS
from integration.web.pages import language, say, zone
from integration.web.settings.question_words import KINDS


def numbers(found: Export) -> Iterator[Row]:
    """One line per answer, for a scale also one for its mean; shares 0 … 1. Nothing below `min_group` answers."""
    yield headings(say("Survey before"))
    for kept in found.report.shown.get("questions") or []:
        yield from figures(kept, found.report.min_group)


def headings(before: str) -> Row:
    """Of the columns of figures; `before`: what the change is counted from."""
    return (
        say("Question"), say("How it is answered"), say("Answer"), say("Answers"), say("Of"), say("Share"),
        say("Share from"), say("Share to"), say("Mean"), say("Mean from"), say("Mean to"), before,
        say("Change"), say("Change from"), say("Change to"), say("Wording"),
    )  # fmt: skip


def figures(kept: Json, least: int, named: Callable[[str], str] = str) -> Iterator[Row]:
    """The lines of one question as it is kept. `named`: what is written for what stood before."""
    question = question_numbers.worded(kept)
    field = questions.field_of(question, language(), "")
    seen = question_numbers.figures(kept, least)
    labels = dict(field.options)
    before = kept.get("before") or {}
    wording = ""
    if before.get("comparable"):
        wording = say("same") if before["kept"] else say("changed")
    head = (field.text or kept["key"], say(KINDS[question.kind]))
    since = named(before["wave"]) if before else ""
    mean = seen.mean
    yield (
        *head, "", seen.n, seen.n, *_share(None, None), mean.value if mean else None,
        *_ends(mean.interval if mean else None), since, *_moved(seen.moved), wording,
    )  # fmt: skip
    for part in seen.parts:
        yield (
            *head, labels.get(part.code, part.code), part.n, seen.n, *_share(part.share, part.interval), None, None,
            None, since, *_moved(part.moved), wording,
        )  # fmt: skip


def _share(value: float | None, interval: Interval | None) -> Row:
    return (value, *_ends(interval))


def _ends(interval: Interval | None) -> Row:
    return (interval.low, interval.high) if interval else (None, None)


def _moved(moved: Moved | None) -> Row:
    return (moved.difference, *_ends(moved.interval)) if moved else (None, None, None)


def answers(found: Export) -> Iterator[Row]:
    """Every answer with the wording it answered; those that wait for confirmation are marked."""
    yield answer_headings()
    versions = found.versions()
    for line in found.extra():
        yield answer(line, versions)


def answer_headings() -> Row:
    """Of the columns of answers."""
    return (
        say("Client"), say("Card"), say("Person"), say("Contact"), say("Score"), say("Question"), say("Version"),
        say("Answer"), say("Counts"), say("Channel"), say("Answered"), say("Written down by"),
    )  # fmt: skip


def answer(line: Line, versions: Mapping[tuple[str, int], Question]) -> Row:
    """One answer with the wording it answered."""
    question = versions.get((line.question, line.version))
    field = questions.field_of(question, language(), line.language, line.value) if question else None
    return (
        line.client, f"{line.client_kind}:{line.client_id}", line.person, line.contact_id, line.score,
        field.text if field else line.question, line.version, field.said if field else line.value,
        say("yes") if line.status == "counted" else say("waits for confirmation"),
        say(CHANNELS[line.channel]) if line.channel in CHANNELS else line.channel, _local(line.answered_at),
        "" if line.recorded_by == "client" else line.recorded_by,
    )  # fmt: skip


def _local(value: datetime) -> datetime:
    return value.astimezone(zone()).replace(tzinfo=None, microsecond=0)
