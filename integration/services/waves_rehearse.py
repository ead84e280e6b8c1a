"""The rehearsal: everything about a wave that people must see before it may be announced (product.md W4).

`report_in` judges what stands in our tables and what `waves_checks.look` has kept of the world outside; the chore that
does both is `rehearsals`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.nps import findings as rules
from integration.nps import waves as machine
from integration.nps.findings import Finding as Finding
from integration.nps.findings import Named
from integration.nps.intents import LetterKind
from integration.nps.letters import LetterProblem, pick_sender, sender_problems
from integration.nps.policy import Policy
from integration.nps.relation import suspect_import_date
from integration.nps.workdays import local_day, zone_named
from integration.services import policies, rehearsal_letters, waves_checks
from integration.services.deps import Deps
from integration.services.letter_drafts import Scene
from integration.services.rehearsal_letters import Sample as Sample
from integration.store import call_links, rehearsals, wave_lists

_SHOWN = rules.NAMED
_FATAL_POLICY = ("hours_to", "reminder_days", "announce_days", "time_zone")
BY_HAND = "dates_by_hand"  # in a wave's plan: a person chose the days, whatever the settings say
# Settings by which a list is made and its letters are written; a wave keeps those of the day its list was made.
_OF_LIST = (
    "service_pipelines", "service_stages", "trouble_stages", "since_field", "since_field_on", "end_field", "city_field",
    "current_months", "min_age_months", "min_gap_days", "max_respondents", "shared_mailboxes", "critical_tasks",
    "manager_field", "sales_field", "revenue_field", "zone_field", "announce_days", "calling", "calling_days",
    "attempts_per_day", "max_attempts", "call_waits",
    "reminder_days", "closing_days", "letter_gap_days", "hours_from", "hours_to", "country", "time_zone", "language",
    "languages", "senders", "sender_by_city", "default_sender", "head_sender",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """What would happen. A wave with `errors` cannot be approved. `reasons`: clients not asked, by reason.

    `left_out`: some of their names by reason; `days`: what is planned when; `calendar`: whose days off; `zones`: where
    the time zones of people come from; `notes`: what only explains.
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
    notes: list[Finding] = field(default_factory=list)
    zones: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """JSON values only; `problems` are the findings as lines for operators."""
        plain = asdict(self)
        plain["days"] = [[name, day.isoformat()] for name, day in self.days]
        for kind, found in (("errors", self.errors), ("warnings", self.warnings), ("notes", self.notes)):
            plain[kind] = [finding.to_json() for finding in found]
        plain["problems"] = [str(finding) for finding in (*self.errors, *self.warnings)]
        return plain


def report_in(deps: Deps, session: Session, stage: Scene, now: datetime) -> Report:
    """The report inside a transaction; what was looked at outside is taken from the wave."""
    wave, portal_id = stage.wave, stage.portal.id
    reasons = wave_lists.reasons(session, portal_id, wave.id)
    eligible = reasons.pop("", 0)
    coverage = wave_lists.coverage(session, portal_id, wave.id)
    today, _ = policies.load(session, portal_id)
    letters = rehearsal_letters.kinds(stage, today)
    samples, missing = rehearsal_letters.check(deps, session, stage, letters)
    unsigned, signing = _senders(session, stage, letters)
    zones = rehearsals.zones(session, portal_id, wave.id)
    found = [*_rules(stage), *unsigned, *missing, *([] if eligible else [Finding("nobody_to_ask")])]
    kept = (wave.looked or {}).get("outside") or {}
    found += waves_checks.said(deps, session, portal_id, stage.policy, kept, signing)
    found += _list(session, stage, reasons, today, now)
    found += _people(session, stage, zones)
    found += _callers(session, stage, today, now)
    ordered = rules.ordered(found)
    by_level = {
        level: [one for one in ordered if one.level == level] for level in ("error", "warning", "note")
    }
    return Report(
        wave=wave.name, clients=int(coverage["clients"]), eligible=eligible, respondents=int(coverage["contacts"]),
        reasons=reasons, left_out=_left_out(session, stage, reasons),
        days=[(name, day) for name, day in stage.plan.stage_days()], calendar=stage.calendar.source,
        coverage=coverage, samples=samples, errors=by_level["error"], warnings=by_level["warning"],
        notes=by_level["note"], zones=zones,
    )  # fmt: skip


def _left_out(session: Session, stage: Scene, reasons: dict[str, int]) -> dict[str, list[str]]:
    portal_id, wave_id = stage.portal.id, stage.wave.id
    return {
        reason: [
            line.name for line in wave_lists.lines_by_reason(session, portal_id, wave_id, reason, _SHOWN)
        ]
        for reason in reasons
    }


def _rules(stage: Scene) -> list[Finding]:
    """Settings that cannot work together."""
    return [
        Finding("setting", {"field": problem.field, "problem": problem.code, **problem.params})
        for problem in stage.policy.problems()
        if problem.field in _FATAL_POLICY
    ]


def _senders(session: Session, stage: Scene, letters: list[LetterKind]) -> tuple[list[Finding], set[str]]:
    """Every client on the list must get letters from a living person who does not serve it (W5, W6); who signs any."""
    found: Counter[tuple[str, tuple[tuple[str, Any], ...]]] = Counter()
    cities: dict[tuple[str, tuple[tuple[str, Any], ...]], set[str]] = {}
    signing: set[str] = set()
    for city, serving, number in wave_lists.branches(session, stage.portal.id, stage.wave.id):
        for letter in letters:
            sender = pick_sender(letter, city, serving, stage.policy, stage.team)
            if isinstance(sender, LetterProblem):
                place = (sender.code, tuple(sorted(sender.params.items())))
                found[place] += number
                cities.setdefault(place, set()).add(city)
            else:
                signing.add(sender.key)
    unfit = [
        Finding("sender_unfit", {"sender": sender.key, "why": code}, (Named(sender.name),))
        for sender in stage.policy.senders
        for code in sender_problems(sender, stage.team)
        if sender.key in (stage.policy.default_sender, stage.policy.head_sender)
    ]
    known = {(one.params["sender"], one.params["why"]) for one in unfit}
    rest = [
        Finding(place[0], {**dict(place[1]), "letters": number}, _cities(cities[place]))
        for place, number in found.items()
        if (dict(place[1]).get("sender"), dict(place[1]).get("why")) not in known
    ]
    return [*unfit, *rest], signing


def _cities(names: set[str]) -> tuple[Named, ...]:
    return tuple(Named(name) for name in sorted(names - {""})[:_SHOWN])


def _list(
    session: Session, stage: Scene, reasons: dict[str, int], today: Policy, now: datetime
) -> list[Finding]:
    """About the list as a whole: how old it is, whom it leaves out for want of a card, when its days are."""
    wave, portal_id = stage.wave, stage.portal.id
    found: list[Finding] = []
    if any(getattr(stage.policy, name) != getattr(today, name) for name in _OF_LIST):
        found.append(Finding("settings_newer"))
    zone = zone_named(stage.policy.time_zone)
    if wave.frozen_at and (old := rules.list_age(local_day(wave.frozen_at, zone), local_day(now, zone))):
        found.append(old)
    if stage.calendar.source == "weekends":
        found.append(Finding("no_public_holidays", {"country": stage.policy.country}))
    if not wave.plan.get(BY_HAND):
        found += rules.moved_days(stage.plan, stage.policy)
    for reason in ("no_channel", "no_respondent"):
        if reasons.get(reason):
            lines = wave_lists.lines_by_reason(session, portal_id, wave.id, reason, _SHOWN)
            who = tuple(Named(line.name, line.client_kind, line.client_id) for line in lines)
            found.append(Finding(reason, {"clients": reasons[reason]}, who))
    if suspect := suspect_import_date(wave_lists.since_dates(session, portal_id, wave.id)):
        found.append(
            Finding("import_date", {"day": suspect[0].isoformat(), "share": round(100 * suspect[1])})
        )
    return found + _unfinished(session, stage)


def _unfinished(session: Session, stage: Scene) -> list[Finding]:
    """Tasks of the last survey (product.md W3). Letters that say what was changed are not written yet (F6), so they
    are neither missed nor asked for."""
    followups, waves = wave_lists.unfinished(session, stage.portal.id, stage.wave.id)
    verdict, codes = machine.readiness(stage.policy, followups, 1, waves)
    if "follow_ups_open" not in codes:
        return []
    rows = rehearsals.open_followups(session, stage.portal.id, _SHOWN)
    names = dict.fromkeys(
        Named(str(row.facts.get("client") or ""), row.client_kind, row.client_id) for row in rows
    )
    return [Finding("follow_ups_open", {"must": verdict == "refuse", "open": followups}, tuple(names))]


def _people(session: Session, stage: Scene, zones: dict[str, int]) -> list[Finding]:
    """About the people of those who are asked: who gets nothing, and what is not known of those who do."""
    portal_id, wave_id = stage.portal.id, stage.wave.id
    found: list[Finding] = []
    if lonely := wave_lists.without_address(session, portal_id, wave_id):
        lonely.sort(key=lambda one: one[2] != "decides")  # those who decide first
        names = rehearsals.contact_names(session, portal_id, [contact for _, contact, _ in lonely[:_SHOWN]])
        who = tuple(
            Named(" · ".join(filter(None, (names.get(contact, ""), client))), "contact", contact)
            for client, contact, _ in lonely[:_SHOWN]
        )
        deciding = sum(role == "decides" for _, _, role in lonely)
        found.append(Finding("people_without_address", {"people": len(lonely), "deciding": deciding}, who))
    people, clients, some = rehearsals.without_role(session, portal_id, wave_id, _SHOWN)
    if people:
        who = tuple(Named(f"{name}: {many}", "company", number) for number, name, many in some)
        found.append(Finding("people_without_role", {"people": people, "clients": clients}, who))
    for show, code, key in (*_SHOWS, *(_PHONES if stage.plan.calling else ())):
        if number := rehearsals.count(session, portal_id, wave_id, (), show):
            rows = rehearsals.respondents(session, portal_id, wave_id, (), show, 0, _SHOWN)
            who = tuple(
                _respondent(invitation.name, line.name, invitation.contact_id) for invitation, line in rows
            )
            more = (
                {"zone": stage.policy.time_zone, "all": sum(zones.values())} if code == "zone_unknown" else {}
            )
            found.append(Finding(code, {key: number, **more}, who))
    return found


_SHOWS = (
    (rehearsals.NAMELESS, "nameless", "respondents"),
    (rehearsals.SHARED, "shared_mailboxes", "people"),
    (rehearsals.UNZONED, "zone_unknown", "people"),
)


_PHONES = (
    (rehearsals.PHONE_ONLY, "phone_only", "people"),
    (rehearsals.NO_PHONE, "no_phone", "people"),
)


def _callers(session: Session, stage: Scene, today: Policy, now: datetime) -> list[Finding]:
    """Somebody has to call: a caller by name, or a call centre with a link that works then (product.md W7, W9)."""
    if stage.plan.calling is None or today.callers:
        return []
    links = call_links.of_wave(session, stage.portal.id, stage.wave.id)
    return (
        []
        if any(one.revoked_at is None and one.expires_at > now for one in links)
        else [Finding("nobody_calls")]
    )


def _respondent(name: str, client: str, contact: int) -> Named:
    return Named(" · ".join(filter(None, (name, client))), "contact", contact)
