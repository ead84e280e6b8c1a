"""The tables of extra questions in a survey's file: figures, and every answer (product.md N11, P5)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from integration.services import question_numbers, questions
from integration.services.wave_export import Export
from integration.services.workbooks import Row
from integration.web.card_words import CHANNELS
from integration.web.pages import language, say, zone
from integration.web.settings.question_words import KINDS


def numbers(found: Export) -> Iterator[Row]:
    """One line per answer, for a scale also one for its mean; shares 0 … 1. Nothing below `min_group` answers."""
    yield (
        say("Question"), say("How it is answered"), say("Answer"), say("Answers"), say("Of"), say("Share"),
        say("Share from"), say("Share to"), say("Mean"), say("Mean from"), say("Mean to"), say("Survey before"),
        say("Change"), say("Change from"), say("Change to"), say("Wording"),
    )  # fmt: skip
    for kept in found.report.shown.get("questions") or []:
        question = question_numbers.worded(kept)
        field = questions.field_of(question, language(), "")
        seen = question_numbers.figures(kept, found.report.min_group)
        labels = dict(field.options)
        before = kept.get("before") or {}
        wording = ""
        if before.get("comparable"):
            wording = say("same") if before["kept"] else say("changed")
        head = (field.text or kept["key"], say(KINDS[question.kind]))
        since = before.get("wave", "")
        mean, moved = seen.mean, seen.moved
        yield (
            *head, "", seen.n, seen.n, None, None, None, mean.value if mean else None,
            mean.interval.low if mean and mean.interval else None,
            mean.interval.high if mean and mean.interval else None, since,
            moved.difference if moved else None, moved.interval.low if moved else None,
            moved.interval.high if moved else None, wording,
        )  # fmt: skip
        for part in seen.parts:
            yield (
                *head, labels.get(part.code, part.code), part.n, seen.n, part.share,
                part.interval.low if part.interval else None, part.interval.high if part.interval else None,
                None, None, None, since, part.moved.difference if part.moved else None,
                part.moved.interval.low if part.moved else None, part.moved.interval.high if part.moved else None,
                wording,
            )  # fmt: skip


def answers(found: Export) -> Iterator[Row]:
    """Every answer with the wording it answered; those that wait for confirmation are marked."""
    yield (
        say("Client"), say("Card"), say("Person"), say("Contact"), say("Score"), say("Question"), say("Version"),
        say("Answer"), say("Counts"), say("Channel"), say("Answered"), say("Written down by"),
    )  # fmt: skip
    versions = found.versions()
    for line in found.extra():
        question = versions.get((line.question, line.version))
        field = questions.field_of(question, language(), line.language, line.value) if question else None
        yield (
            line.client, f"{line.client_kind}:{line.client_id}", line.person, line.contact_id, line.score,
            field.text if field else line.question, line.version, field.said if field else line.value,
            say("yes") if line.status == "counted" else say("waits for confirmation"),
            say(CHANNELS[line.channel]) if line.channel in CHANNELS else line.channel, _local(line.answered_at),
            "" if line.recorded_by == "client" else line.recorded_by,
        )  # fmt: skip


def _local(value: datetime) -> datetime:
    return value.astimezone(zone()).replace(tzinfo=None, microsecond=0)
