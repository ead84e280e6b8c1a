"""Extra questions of a survey in numbers, apart from NPS: counts that a result keeps, and what follows from them.

A row rests on people, not on clients: each is a judgement of its own (product.md N11).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from integration.nps import question_numbers as numbers
from integration.nps import questions as rules
from integration.nps.question_numbers import Mean, Moved
from integration.nps.questions import Question
from integration.nps.statistics import Interval
from integration.services import policies, question_versions
from integration.services.wave_accounts import Json
from integration.store import question_numbers as rows
from integration.store.question_numbers import Counted
from integration.store.question_numbers import Line as Line
from integration.store.reports import EVERYONE, Scope
from integration.store.waves import Wave

WORDS = 20  # answers in own words that a page shows of a survey


def of_wave(session: Session, portal_id: int, wave: Wave, scope: Scope = EVERYONE) -> list[Json]:
    """The questions of a survey that were answered, as they are kept with a result, in the order of asking.

    `counts`: how often each value was given, of own words only `n`; `reworded`: the text changed while the survey ran.
    `before`: the last survey of the kind in which the same question was answered, if there is one; `kept`: with the
    same wording; `comparable`: on the same scale. A question whose kind changed stands once for each kind.
    """
    found = rows.counted(session, portal_id, wave.id, scope)
    if not found:
        return []
    keys = sorted({one.question for one in found})
    known = question_versions.kept(session, portal_id, keys)
    last = rows.earlier(session, portal_id, wave, keys)
    then = {
        number: rows.counted(session, portal_id, number, scope)
        for number in sorted({number for number, _ in last.values()})
    }
    made = []
    for key in ordered(session, portal_id, keys):
        for kind, answers in by_kind(found, key, known).items():
            row = row_of(key, kind, answers, known[key])
            if key in last:
                number, name = last[key]
                row["before"] = stood_before(
                    name, by_kind(then[number], key, known).get(kind, ()), answers, row, known[key]
                )
            made.append(row)
    return made


def words(
    session: Session, portal_id: int, wave_id: int | None, scope: Scope, found: Iterable[Json]
) -> list[Line]:
    """The newest answers in own words, as far as the viewer sees the clients; of None: after all projects."""
    keys = [one["key"] for one in found if one["kind"] == "text"]
    if not keys:
        return []
    given = rows.lines(session, portal_id, wave_id, scope, keys, limit=WORDS * 2)
    texts = {
        (key, one.version)
        for key, versions in question_versions.kept(session, portal_id, keys).items()
        for one in versions
        if one.kind == "text"
    }
    return [one for one in given if (one.question, one.version) in texts][:WORDS]


def ordered(session: Session, portal_id: int, keys: Sequence[str]) -> list[str]:
    """Questions in the order in which they are asked today, those of then behind them."""
    today = [one.key for one in policies.load(session, portal_id)[0].extra_questions]
    return [key for key in today if key in keys] + [key for key in keys if key not in today]


def by_kind(
    found: Iterable[Counted], key: str, known: Mapping[str, Sequence[Question]]
) -> dict[str, list[Counted]]:
    """The answers to a question, by the kind it had when they were given."""
    kinds = {one.version: one.kind for one in known.get(key, ())}
    given: dict[str, list[Counted]] = {}
    for one in found:
        if one.question == key and one.version in kinds:
            given.setdefault(kinds[one.version], []).append(one)
    return given


def row_of(key: str, kind: str, answers: Sequence[Counted], versions: Sequence[Question]) -> Json:
    """One question as it is kept (see `of_wave`), without what stood before."""
    asked = _asked(answers, versions)
    newest = asked[-1]
    return {
        "key": key, "kind": kind, "versions": [one.version for one in asked],
        "texts": dict(newest.texts), "options": _options(asked),
        **_counts(kind, answers),
        "reworded": not all(rules.same_wording(one, newest) for one in asked), "before": None,
    }  # fmt: skip


def stood_before(
    name: str, then: Sequence[Counted], now: Sequence[Counted], row: Json, versions: Sequence[Question]
) -> Json:  # fmt: skip
    """What stood before the answers of a row, as it is kept with it. Without any of its kind (`then`) it is not
    comparable."""
    if not then:
        return {"wave": name, "comparable": False, "kept": False, "n": 0, "counts": {}}
    asked, newest = _asked(then, versions), _asked(now, versions)[-1]
    kept = all(rules.same_wording(one, newest) for one in [*asked, *_asked(now, versions)])
    return {"wave": name, "comparable": True, "kept": kept, **_counts(row["kind"], then)}


def _asked(answers: Iterable[Counted], versions: Sequence[Question]) -> list[Question]:
    answered = {one.version for one in answers}
    return [one for one in versions if one.version in answered]


def _options(asked: Sequence[Question]) -> list[Json]:
    """The options of the newest version first, then those that only older ones had."""
    found: dict[str, dict[str, str]] = {}
    for one in reversed(asked):
        for option in one.options:
            found.setdefault(option.code, dict(option.texts))
    return [{"code": code, "texts": texts} for code, texts in found.items()]


def _counts(kind: str, answers: Iterable[Counted]) -> Json:
    counts: dict[str, int] = {}
    for one in answers:
        counts[one.value] = counts.get(one.value, 0) + one.n
    total = sum(counts.values())
    return {"n": total, "counts": {} if kind == "text" else dict(sorted(counts.items()))}


# --- what follows from the counts


@dataclass(frozen=True, slots=True)
class Part:
    """One answer: how many gave it, the share 0 … 1 with its interval, and how that moved; None below the least."""

    code: str
    n: int
    share: float | None
    interval: Interval | None
    moved: Moved | None


@dataclass(frozen=True, slots=True)
class Figures:
    """One question in figures; `enough`: as many answers as are needed to show any (N7). `mean` of a scale only;
    `moved` its change. `least_before`: the survey before had enough answers, too."""

    n: int
    enough: bool
    mean: Mean | None
    moved: Moved | None
    parts: tuple[Part, ...]
    least_before: bool


def figures(kept: Json, least: int) -> Figures:
    """The figures of a question as it is kept with a result; nothing but `n` below `least` answers."""
    kind, counts, n = kept["kind"], kept["counts"], int(kept["n"])
    enough = n >= max(1, least)
    before = kept.get("before") or {}
    then = before.get("counts", {}) if before.get("comparable") else {}
    comparable = bool(then) and int(before["n"]) >= max(1, least) and enough
    if kind == "text" or not enough:
        return Figures(n, enough, None, None, (), False)
    codes = [str(one) for one in rules.NUMBERS[kind]] if kind in rules.NUMBERS else _codes(kept)
    scale = rules.NUMBERS.get(kind)
    mean = moved = None
    if scale is not None:
        mean = numbers.mean(_whole(counts), scale[0], scale[-1])
        was = numbers.mean(_whole(then), scale[0], scale[-1]) if comparable else None
        moved = numbers.mean_moved(was, mean) if was and mean else None
    shares = numbers.shares(counts, codes)
    parts = tuple(
        Part(
            code, int(counts.get(code, 0)), shares[code][0], shares[code][1],
            numbers.share_moved((int(then.get(code, 0)), int(before["n"])), (int(counts.get(code, 0)), n))
            if comparable and scale is None else None,
        )
        for code in codes
    )  # fmt: skip
    return Figures(n, enough, mean, moved, parts, comparable)


def _whole(counts: Mapping[str, int]) -> dict[int, int]:
    return {int(value): int(n) for value, n in counts.items()}


def _codes(kept: Json) -> list[str]:
    return list(rules.YES_NO) if kept["kind"] == "yes_no" else [one["code"] for one in kept["options"]]


def worded(kept: Json) -> Question:
    """The question of a kept row, to be shown in a language."""
    return rules.from_body(kept["key"], 0, kept)
