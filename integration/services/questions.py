"""Extra questions: which are asked now, how a form shows them, and keeping what was answered (product.md W13, N11).

Nothing here touches the score, the cards, tasks or letters. The wording of today is asked; every answer names the
version that was shown, in the language in which it was shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from integration import i18n
from integration.i18n import mark
from integration.nps import questions as rules
from integration.nps.policy import Policy
from integration.nps.questions import Given, Question, Read, Wrong, spoken
from integration.services import policies, question_versions
from integration.services.card_texts import name_said
from integration.store import questions as rows
from integration.store.questions import ExtraAnswer
from integration.store.responses import Response

YES_NO = {"yes": mark("Yes"), "no": mark("No")}
ENDS = {
    "scale_5": (mark("1 — very bad"), mark("5 — excellent")),
    "scale_10": (mark("0 — very bad"), mark("10 — excellent")),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One extra question as a form shows it, in words; field names `q-<key>` and `v-<key>` (`name`, `shown`).

    `language`: of the text, which may be another than the page's; `options`: value and label, none for own words;
    `ends`: what the ends of a scale mean; `value`: what was answered; `most`: characters of an answer in own words.
    """

    key: str
    kind: str
    version: int
    language: str
    text: str
    options: tuple[tuple[str, str], ...]
    ends: tuple[str, ...]
    value: str = ""
    most: int = rules.LONGEST_WORDS

    @property
    def name(self) -> str:
        """The form field of the answer."""
        return f"{rules.FIELD}{self.key}"

    @property
    def shown(self) -> str:
        """The form field that names the version."""
        return f"{rules.VERSION}{self.key}"

    @property
    def was(self) -> str:
        """The form field that names what stood when the form was opened."""
        return f"{rules.WAS}{self.key}"

    @property
    def said(self) -> str:
        """The answer in words; a number with the end of its scale."""
        if self.ends and self.value:
            return f"{self.value}/{self.options[-1][0]}"
        return dict(self.options).get(self.value, self.value)


@dataclass(frozen=True, slots=True)
class ExtraSaid:
    """One extra answer with the question it answered. `held`: not proven to be a person's, counts nowhere."""

    question: Question
    value: str
    held: bool
    recorded_by: str
    answered_at: datetime
    main: str = ""

    @property
    def by(self) -> str:
        """Who of the staff wrote it down; empty for the person themselves."""
        return "" if self.recorded_by == "client" else name_said(self.recorded_by)

    def field(self, language: str) -> Field:
        """The question and the answer in a language."""
        return field_of(self.question, language, self.main, self.value)


# --- what is asked


def current(session: Session, portal_id: int, policy: Policy | None = None) -> tuple[Question, ...]:
    """The questions that are asked now, in their order, each with its version; 0: this wording was never kept.

    `policy`: the rules to follow, those of today by default.
    """
    found = policy or policies.load(session, portal_id)[0]
    asked = [one for one in found.extra_questions if one.on]
    if not asked:
        return ()
    known = question_versions.kept(session, portal_id, [one.key for one in asked])
    return tuple(replace(one, version=question_versions.number_of(known, one)) for one in asked)


def for_desk(
    session: Session, portal_id: int, language: str, form: Mapping[str, str] | None = None
) -> tuple[Field, ...]:
    """The fields of the call desk and of staff who record an answer, in the client's language, filled as posted."""
    asked, main = current(session, portal_id), policies.load(session, portal_id)[0].language
    posted = {one.key: form.get(f"{rules.FIELD}{one.key}", "") if form else "" for one in asked}
    return fields(asked, language, main, posted)


def fields(
    questions: Iterable[Question], language: str, main: str, values: Mapping[str, str]
) -> tuple[Field, ...]:
    """Questions as a form shows them."""
    return tuple(field_of(one, language, main, values.get(one.key, "")) for one in questions)


def field_of(one: Question, language: str, main: str, value: str = "") -> Field:
    """One question in a language."""
    code, text = spoken(one.texts, language, main)
    match one.kind:
        case "yes_no":
            options = tuple((name, i18n.text(code, YES_NO[name])) for name in rules.YES_NO)
        case "choice":
            options = tuple((option.code, one.label(option.code, code, main)) for option in one.options)
        case _:
            options = tuple((number, number) for number in one.values)
    ends = tuple(i18n.text(code, end) for end in ENDS.get(one.kind, ()))
    return Field(one.key, one.kind, one.version, code, text, options, ends, value)


# --- what was answered


def read(session: Session, portal_id: int, form: Mapping[str, str]) -> Read:
    """The answers in a form, each to the version it says it showed, else to the one of today; and what is wrong.

    A question that was switched off or reworded while the form lay open still takes its answer.
    """
    named = [name.removeprefix(rules.FIELD) for name in form if name.startswith(rules.FIELD)]
    if not named:
        return (), ()
    policy, _ = policies.load(session, portal_id)
    today = {one.key: one for one in policy.extra_questions if one.key in named}
    known = question_versions.kept(session, portal_id, named[: rules.MOST_QUESTIONS * 4])
    shown: list[Question] = []
    for key in dict.fromkeys(named):
        version = rules.shown_version(form, key)
        found = next((one for one in known.get(key, ()) if one.version == version), None)
        if found is None and key in today:
            found = replace(today[key], version=question_versions.number_of(known, today[key]))
        if found is not None:
            shown.append(found)
    return rules.read_answers(shown, form)


def problems_of(session: Session, portal_id: int, form: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """What is wrong with the extra answers of a form, by form field: `not_an_option`, `too_long`."""
    return tuple((f"{rules.FIELD}{one.key}", one.code) for one in read(session, portal_id, form)[1])


def take(
    session: Session, response: Response, form: Mapping[str, str], *, language: str, now: datetime, by: str
) -> tuple[Wrong, ...]:
    """Keep the extra answers of a form beside an answer that was given by word of mouth; what cannot be read is left
    out and told. Questions without an answer change nothing. The client's row of the wave must be locked."""
    given, wrong = read(session, response.portal_id, form)
    save_answers(session, response, [one for one in given if one.value], language=language, now=now, by=by)
    return wrong


def save_answers(
    session: Session,
    response: Response,
    given: Sequence[Given],
    *,
    language: str,
    now: datetime,
    by: str = "client",
    reason: str = "",
    held: bool = False,
) -> bool:
    """Keep extra answers beside an answer; whether anything changed. The same once more changes nothing.

    `held`: nobody has proven that a person gave them: they are kept apart and leave what a person said alone. A counted
    one puts an end to the held one of its question. An empty value takes an answer back. What stood before is kept,
    with `reason`, why staff changed it.
    """
    if not given:
        return False
    portal_id = response.portal_id
    policy, _ = policies.load(session, portal_id)
    question_versions.keep_wording(session, portal_id, policy, policies.MACHINE, now)
    known = question_versions.kept(session, portal_id, [one.key for one in given])
    status = "held" if held else "counted"
    stand = {(one.question, one.status): one for one in rows.answers_of(session, portal_id, [response.id])}
    changed = False
    for one in given:
        version = one.version or _newest(known, one.key)
        question = next((q for q in known.get(one.key, ()) if q.version == version), None)
        if question is None:
            continue
        code = spoken(question.texts, language, policy.language)[0]
        row = stand.get((one.key, status))
        counted = stand.get((one.key, "counted"))
        if held and counted is not None and (counted.value, counted.version) == (one.value, version):
            continue
        changed |= _put(session, response, row, replace(one, version=version), status, code, by, now, reason)
        waiting = stand.get((one.key, "held"))
        if not held and one.value and waiting is not None:
            session.delete(waiting)
            changed = True
    session.flush()
    return changed


def withdraw(session: Session, response: Response, *, by: str, reason: str, now: datetime) -> None:
    """An answer that was written down by mistake takes its extra answers along; they are kept as what stood before."""
    for row in rows.answers_of(session, response.portal_id, [response.id]):
        if row.value:
            _put(
                session,
                response,
                row,
                Given(row.question, row.version, ""),
                row.status,
                row.language,
                by,
                now,
                reason,
            )
    session.flush()


def _newest(known: Mapping[str, Sequence[Question]], key: str) -> int:
    return max((one.version for one in known.get(key, ())), default=0)


def _put(
    session: Session, response: Response, row: ExtraAnswer | None, given: Given, status: str, language: str,
    by: str, now: datetime, reason: str,
) -> bool:  # fmt: skip
    if row is None:
        if not given.value:
            return False
        session.add(
            ExtraAnswer(
                portal_id=response.portal_id, wave_id=response.wave_id, response_id=response.id, question=given.key,
                version=given.version, language=language, status=status, value=given.value, recorded_by=by[:200],
                answered_at=now, earlier=[],
            )
        )  # fmt: skip
        return True
    if row.value == given.value:
        return False  # it answered the wording of then, whatever the form shows by now
    before = {
        "value": row.value, "version": row.version, "language": row.language, "by": row.recorded_by,
        "at": row.answered_at.isoformat(), "reason": reason[:500],
    }  # fmt: skip
    row.earlier = [*row.earlier, before][-rows.MOST_EARLIER :]
    row.value, row.version, row.language = given.value, given.version, language
    row.recorded_by, row.answered_at = by[:200], now
    return True


def of_responses(
    session: Session, portal_id: int, responses: Sequence[int]
) -> dict[int, tuple[ExtraSaid, ...]]:
    """What was said besides, by answer: each with the wording it answered, held ones too, in the order of asking."""
    found = [one for one in rows.answers_of(session, portal_id, responses) if one.value]
    if not found:
        return {}
    policy, _ = policies.load(session, portal_id)
    order = {one.key: place for place, one in enumerate(policy.extra_questions)}
    known = {
        (key, one.version): one
        for key, versions in question_versions.kept(
            session, portal_id, sorted({row.question for row in found})
        ).items()
        for one in versions
    }
    said: dict[int, list[ExtraSaid]] = {}
    for row in sorted(found, key=lambda one: (order.get(one.question, len(order)), one.id)):
        question = known.get((row.question, row.version))
        if question is not None:
            said.setdefault(row.response_id, []).append(
                ExtraSaid(
                    question,
                    row.value,
                    row.status == "held",
                    row.recorded_by,
                    row.answered_at,
                    policy.language,
                )
            )
    return {number: tuple(each) for number, each in said.items()}
