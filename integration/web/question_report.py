"""Extra questions of a survey in words: means and shares with their intervals, and how they moved (product.md N11)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from integration.i18n import mark
from integration.nps.question_numbers import Moved
from integration.nps.statistics import Interval
from integration.services import question_numbers, questions
from integration.services.question_numbers import Figures, Line, Part
from integration.services.wave_report import Report
from integration.web.pages import language, number_text, say, share_text
from integration.web.report_tables import signed
from integration.web.settings.question_words import KINDS


def told(found: Report) -> list[dict[str, Any]]:
    """What the report says of each extra question; empty without answers to any."""
    return [row(one, found.min_group, found.said) for one in found.shown.get("questions") or []]


def row(kept: Mapping[str, Any], least: int, said: Iterable[Line]) -> dict[str, Any]:
    """One question: its text, figures, what they rest on, and how they moved. `said`: answers in own words."""
    code = language()
    question = question_numbers.worded(dict(kept))
    field = questions.field_of(question, code, "")
    seen = question_numbers.figures(dict(kept), least)
    labels = dict(field.options)
    mean = seen.mean
    return {
        "text": field.text or kept["key"], "kind": say(KINDS[question.kind]), "n": seen.n,
        "few": "" if seen.enough or question.kind == "text" else say(
            "Too few answers so far: figures stand here from {least} on.", least=number_text(least)
        ),
        "mean": number_text(mean.value, 1) if mean else "",
        "range": _range(mean.interval, 1) if mean and mean.interval else "",
        "parts": [_part(part, labels) for part in seen.parts],
        "change": _change(kept, seen, labels), "wording": _wording(kept),
        "words": [one for one in said if one.question == kept["key"]] if question.kind == "text" else [],
    }  # fmt: skip


def _part(part: Part, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "label": labels.get(part.code, part.code), "n": part.n, "share": part.share,
        "percent": round(100 * (part.share or 0)), "value": share_text(part.share),
        "range": say("{low} to {high}", low=share_text(part.interval.low), high=share_text(part.interval.high))
        if part.interval else "",
    }  # fmt: skip


def _range(interval: Interval, decimals: int) -> str:
    low, high = (number_text(end, decimals) for end in interval)
    return say("95 % between {low} and {high}", low=low, high=high)


def _change(kept: Mapping[str, Any], seen: Figures, labels: Mapping[str, str]) -> list[dict[str, str]]:
    """How it moved since the survey before: one line for a scale, one for each answer that moved otherwise."""
    before = kept.get("before")
    if not before:
        return []
    if not before["comparable"]:
        line = say(
            "In {wave} clients answered this in another way, so it is not compared.", wave=before["wave"]
        )
        return [{"label": "", "line": line, "tone": ""}]
    if kept["kind"] == "text":
        return []
    if not seen.least_before:
        line = (
            say("There are too few answers to say how this moved since {wave}.", wave=before["wave"])
            if seen.enough
            else ""
        )
        return [{"label": "", "line": line, "tone": ""}] if line else []
    return [
        {"label": label, **told_move(moved, SINCE_WAVE[points], points=points, wave=before["wave"])}
        for label, moved, points in moves(seen, labels)
    ]


SINCE_WAVE = {
    True: mark("{points} since {wave}, 95 % between {low} and {high}"),
    False: mark("{points} percentage points since {wave}, 95 % between {low} and {high}"),
}


def moves(seen: Figures, labels: Mapping[str, str]) -> list[tuple[str, Moved, bool]]:
    """How a question moved: its mean, else each answer under its name (of two answers the first says it all); whether
    that is told in points of the scale, else in percentage points."""
    if seen.moved is not None:
        return [("", seen.moved, True)]
    return [
        (labels.get(part.code, part.code), part.moved, False)
        for part in seen.parts
        if part.moved is not None and (len(seen.parts) > 2 or part is seen.parts[0])
    ]


def told_move(moved: Moved, message: str, *, points: bool, **names: str) -> dict[str, str]:
    """A change as a line: `message` with `points`, `low`, `high` and these names; whether it may be chance."""
    scale, decimals = (1, 1) if points else (100, 0)
    values = {
        "points": signed(scale * moved.difference, decimals), "low": signed(scale * moved.interval.low, decimals),
        "high": signed(scale * moved.interval.high, decimals), **names,
    }  # fmt: skip
    line = say(message, **values)
    if moved.chance:
        return {"line": f"{line}: {say('this may be chance')}", "tone": ""}
    return {"line": line, "tone": "up" if moved.difference > 0 else "down"}


def _wording(kept: Mapping[str, Any]) -> str:
    """Whether people were asked the same."""
    before = kept.get("before")
    said = [say("The wording was changed while this survey ran.")] if kept.get("reworded") else []
    if before and before["comparable"]:
        said.append(
            say("The wording is the same as in {wave}.", wave=before["wave"])
            if before["kept"]
            else say("The wording has changed since {wave}: compare with care.", wave=before["wave"])
        )
    return " ".join(said)
