"""The rehearsal: everything about a wave that people must see before it may be announced (product.md W4)."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix.errors import BitrixError
from integration.mail.render import MissingFact, Rendered
from integration.nps import waves as machine
from integration.nps.intents import LetterKind
from integration.nps.letters import LetterProblem, missing_placeholders, pick_sender, sender_problems
from integration.nps.relation import suspect_import_date
from integration.services import letters
from integration.services.deps import Deps
from integration.services.letter_drafts import Draft, Scene, casting, draft, scene
from integration.services.waves_errors import WaveError
from integration.services.waves_freeze import freeze
from integration.store import wave_lists, wave_queries
from integration.store.base import reading, transaction
from integration.store.waves import Invitation

_SHOWN = 50  # names listed per reason; the rest is counted
_NOT_FATAL = ("person",)  # a nameless respondent is greeted without a name
_FATAL_POLICY = ("hours_to", "reminder_days", "announce_days", "time_zone")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something people should know; a code for the catalogue and what its text needs."""

    code: str
    params: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.code} ({told})" if told else self.code


@dataclass(frozen=True, slots=True)
class Sample:
    """A letter as one real respondent would get it."""

    letter: LetterKind
    language: str
    sender_key: str
    recipient: str
    text: Rendered


@dataclass(frozen=True, slots=True)
class Report:
    """What would happen. A wave with `errors` cannot be approved. `reasons`: clients not asked, by reason.

    `left_out`: some of their names by reason; `days`: what is planned when; `calendar`: whose days off.
    """

    wave: str
    clients: int
    eligible: int
    respondents: int
    reasons: dict[str, int]
    left_out: dict[str, list[str]]
    days: list[tuple[str, date]]
    calendar: str
    coverage: dict[str, Any]
    samples: list[Sample]
    errors: list[Finding]
    warnings: list[Finding]

    def to_json(self) -> dict[str, Any]:
        """JSON values only; `problems` are the findings as lines for operators."""
        plain = asdict(self)
        plain["days"] = [[name, day.isoformat()] for name, day in self.days]
        plain["problems"] = [str(finding) for finding in (*self.errors, *self.warnings)]
        return plain


def rehearse(deps: Deps, portal_id: int, wave_id: int, who: str = "molva") -> dict[str, Any]:
    """Look a wave through and mark it as rehearsed; it may be done again and again. JSON values only.

    A list that is not frozen yet is frozen first, while the caller waits. Raises `WaveError` for an unknown
    wave, one that is under way or over, and with `portal_busy` if the people cannot be read now.
    """
    with reading(deps.sessions) as session:
        found = wave_queries.wave(session, portal_id, wave_id)
    if found is None:
        raise WaveError("no_such_wave", str(wave_id))
    if found.stage not in ("draft", "rehearsed"):
        raise WaveError("wrong_stage", found.stage)
    if found.frozen_at is None:
        _frozen(deps, portal_id, wave_id)
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        wave = wave_queries.locked(session, portal_id, wave_id)
        if wave is None or wave.frozen_at is None or wave.stage not in ("draft", "rehearsed"):
            raise WaveError("not_frozen", str(wave_id))
        report = report_in(deps, session, scene(session, wave, now), now)
        wave.stage = "rehearsed"
        told = ", ".join(finding.code for finding in report.errors) or "no errors"
        wave_queries.note(session, wave, now, "rehearsed", who, told)
        return report.to_json()


def _frozen(deps: Deps, portal_id: int, wave_id: int) -> None:
    try:
        freeze(deps, portal_id, wave_id, interactive=True)
    except BitrixError as error:
        raise WaveError("portal_busy", error.code) from error


def report_in(deps: Deps, session: Session, stage: Scene, now: datetime) -> Report:
    """The report inside a transaction that holds the wave."""
    wave = stage.wave
    reasons = wave_lists.reasons(session, wave.portal_id, wave.id)
    eligible = reasons.pop("", 0)
    coverage = wave_lists.coverage(session, wave.portal_id, wave.id)
    samples, problems = _letters(deps, session, stage)
    errors = [*_rules(stage), *_senders(session, stage), *problems]
    if not eligible:
        errors.append(Finding("nobody_to_ask"))
    warnings = _warnings(deps, session, stage, reasons)
    errors += [finding for finding in warnings if finding.params.get("must")]
    return Report(
        wave=wave.name,
        clients=int(coverage["clients"]),
        eligible=eligible,
        respondents=int(coverage["contacts"]),
        reasons=reasons,
        left_out={
            reason: [
                line.name
                for line in wave_lists.lines_by_reason(session, wave.portal_id, wave.id, reason, _SHOWN)
            ]
            for reason in reasons
        },
        days=[(name, day) for name, day in stage.plan.stage_days()],
        calendar=stage.calendar.source,
        coverage=coverage,
        samples=samples,
        errors=_unique(
            [finding for finding in errors if finding.params.get("placeholder") not in _NOT_FATAL]
        ),
        warnings=_unique(warnings),
    )


def _rules(stage: Scene) -> list[Finding]:
    """Settings that cannot work together."""
    return [
        Finding("setting", {"field": problem.field, "problem": problem.code, **problem.params})
        for problem in stage.policy.problems()
        if problem.field in _FATAL_POLICY
    ]


def _senders(session: Session, stage: Scene) -> list[Finding]:
    """Every client on the list must get letters from a living person who does not serve it (W5, W6)."""
    found: Counter[tuple[str, tuple[tuple[str, Any], ...]]] = Counter()
    for city, serving, number in wave_lists.branches(session, stage.wave.portal_id, stage.wave.id):
        for letter in _planned(stage):
            sender = pick_sender(letter, city, serving, stage.policy, stage.team)
            if isinstance(sender, LetterProblem):
                found[(sender.code, tuple(sorted(sender.params.items())))] += number
    unfit = [
        Finding("sender_unfit", {"sender": sender.key, "why": code})
        for sender in stage.policy.senders
        for code in sender_problems(sender, stage.team)
        if sender.key in (stage.policy.default_sender, stage.policy.head_sender)
    ]
    return [*unfit, *(Finding(code, {**dict(params), "letters": n}) for (code, params), n in found.items())]


def _planned(stage: Scene) -> list[LetterKind]:
    """The letters this wave sends, by kind."""
    last: list[LetterKind] = ["last_reminder"] if len(stage.plan.reminders) > 1 else []
    first: list[LetterKind] = ["reminder"] if stage.plan.reminders else []
    return ["announcement", "invitation", *first, *last]


def _letters(deps: Deps, session: Session, stage: Scene) -> tuple[list[Sample], list[Finding]]:
    """Each letter rendered for one respondent of each sender and language, and what is missing in it."""
    chosen = wave_lists.sample_invitations(session, stage.wave.portal_id, stage.wave.id)[:_SHOWN]
    people = casting(session, stage.portal.id, chosen, stage.wave.id)
    samples: list[Sample] = []
    findings: list[Finding] = []
    for invitation in chosen:
        for letter in _planned(stage):
            written = draft(stage, people, invitation, letter, letter, None)
            if isinstance(written, LetterProblem):
                continue  # named by _senders
            for name in missing_placeholders(letter, written.facts):
                findings.append(Finding("missing_placeholder", {"letter": letter, "placeholder": name}))
            text = _rendered(deps, written, invitation, findings)
            if text is not None:
                samples.append(Sample(letter, invitation.language, written.sender.key, invitation.name, text))
    return samples, findings


def _rendered(deps: Deps, written: Draft, invitation: Invitation, findings: list[Finding]) -> Rendered | None:
    try:
        return letters.write(deps, written)
    except MissingFact as error:
        findings.append(Finding("missing_fact", {"letter": written.kind, "what": str(error)}))
        return None


def _warnings(deps: Deps, session: Session, stage: Scene, reasons: dict[str, int]) -> list[Finding]:
    found: list[Finding] = []
    if not deps.mailer.ready:
        found.append(Finding("no_mail_server"))
    if stage.calendar.source == "weekends":
        found.append(Finding("no_public_holidays", {"country": stage.policy.country}))
    for reason in ("no_channel", "no_respondent"):
        if reasons.get(reason):
            found.append(Finding(reason, {"clients": reasons[reason]}))
    lonely = wave_lists.without_address(session, stage.wave.portal_id, stage.wave.id)
    if lonely:
        deciding = sum(role == "decides" for _, _, role in lonely)
        found.append(Finding("people_without_address", {"people": len(lonely), "deciding": deciding}))
    if nameless := wave_lists.unnamed(session, stage.wave.portal_id, stage.wave.id):
        found.append(Finding("missing_placeholder", {"placeholder": "person", "respondents": nameless}))
    if suspect := suspect_import_date(wave_lists.since_dates(session, stage.wave.portal_id, stage.wave.id)):
        found.append(
            Finding("import_date", {"day": suspect[0].isoformat(), "share": round(100 * suspect[1])})
        )
    followups, waves = wave_lists.unfinished(session, stage.portal.id, stage.wave.id)
    verdict, codes = machine.readiness(stage.policy, followups, 0, waves)
    # "You said, we did" letters are not written yet, so only open follow-ups may forbid a wave.
    found += [
        Finding(c, {"must": verdict == "refuse" and c == "follow_ups_open", "open": followups}) for c in codes
    ]
    return found


def _unique(findings: list[Finding]) -> list[Finding]:
    kept: dict[str, Finding] = {}
    for finding in findings:
        kept.setdefault(f"{finding.code}:{sorted(finding.params.items(), key=str)}", finding)
    return list(kept.values())
