"""Extra questions asked after projects in words and as tables, apart from the yearly survey (product.md N11, W16)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from integration.i18n import mark
from integration.services import question_numbers, questions
from integration.services.projects.page import Everything, ProjectsPage
from integration.services.question_projects import AfterProjects, PeriodSaid
from integration.services.workbooks import Row
from integration.web.pages import language, number_text, say, share_text
from integration.web.question_report import moves, row, told_move
from integration.web.question_sheets import answer, answer_headings, figures, headings

Named = Callable[[date], str]
MOVED = {
    True: mark("{period}: {points} against {before}, 95 % between {low} and {high}"),
    False: mark("{period}: {points} percentage points against {before}, 95 % between {low} and {high}"),
}


def told(found: ProjectsPage, named: Named) -> list[dict[str, Any]]:
    """What the page says of each extra question; empty without answers to any. `named`: how a period is called."""
    return [_told(one, found, named) for one in found.questions]


def _told(one: AfterProjects, found: ProjectsPage, named: Named) -> dict[str, Any]:
    latest = one.latest
    wording = [say("The wording has changed over time: compare with care.")] if one.whole["reworded"] else []
    return {
        **row(one.whole, found.least, found.said), "change": _change(latest, found.least, named),
        "wording": " ".join(wording), "periods": _periods(one, found.least, named),
    }  # fmt: skip


def _change(latest: PeriodSaid, least: int, named: Named) -> list[dict[str, str]]:
    """How the latest period with enough answers differs from the one before it."""
    before = latest.kept["before"]
    if not before:
        return []
    seen = question_numbers.figures(latest.kept, least)
    names = {"period": named(latest.first), "before": named(date.fromisoformat(before["wave"]))}
    return [
        {"label": label, **told_move(moved, MOVED[points], points=points, **names)}
        for label, moved, points in moves(seen, _labels(latest.kept))
    ]


def _labels(kept: Mapping[str, Any]) -> dict[str, str]:
    return dict(questions.field_of(question_numbers.worded(dict(kept)), language(), "").options)


def _periods(one: AfterProjects, least: int, named: Named) -> dict[str, Any]:
    """The question in each period: a scale's mean, else the share of each answer; nothing to tell of own words or of
    one period alone."""
    if one.whole["kind"] == "text" or len(one.periods) < 2:
        return {}
    lines: list[dict[str, Any]] = []
    for period in one.periods:
        seen, labels = question_numbers.figures(period.kept, least), _labels(period.kept)
        head = {"name": named(period.first), "n": number_text(seen.n)}
        if seen.mean is not None or not seen.parts:
            mean = seen.mean
            value = number_text(mean.value, 1) if mean else ""
            low, high = (number_text(end, 1) for end in mean.interval) if mean and mean.interval else ("", "")
            ends = say("{low} to {high}", low=low, high=high) if low else ""
            lines.append({**head, "answer": "", "value": value, "range": ends})
            continue
        lines += [
            {
                **head, "answer": labels.get(part.code, part.code), "value": share_text(part.share),
                "range": say("{low} to {high}", low=share_text(part.interval.low), high=share_text(part.interval.high))
                if part.interval else "",
            }
            for part in seen.parts
        ]  # fmt: skip
    return {"rows": lines, "answers": any(line["answer"] for line in lines)}


# --- files


def numbers(found: Everything, named: Named) -> Iterator[Row]:
    """Each question over all periods, then in each of them; nothing below the smallest group."""
    yield (say("Asked in"), *headings(say("Compared with")))
    for one in found.questions:
        for line in figures(one.whole, found.least):
            yield (say("All"), *line)
        for period in one.periods:
            for line in figures(period.kept, found.least, lambda day: named(date.fromisoformat(day))):
                yield (named(period.first), *line)


def answers(found: Everything, named: Callable[[str], str]) -> Iterator[Row]:
    """Every answer with the wording it answered; `named`: how the month of a survey is called."""
    yield (say("Asked in"), *answer_headings())
    for line in found.extra:
        yield (named(line.wave), *answer(line, found.versions))
