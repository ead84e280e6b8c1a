"""Checks between the settings: ranges, and combinations that cannot work."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator

from .errors import UnknownZone
from .people import GROUPS, ROLES, Team
from .policy import CALL_WAITS, LANGUAGES, REFERRAL_SOURCES, THANKABLE, Policy, PolicyProblem
from .questions import wrong
from .workdays import zone_named

# field: (least, most), both allowed
RANGES: dict[str, tuple[int, int]] = {
    "current_months": (1, 120),
    "min_age_months": (0, 60),
    "min_gap_days": (0, 1500),
    "max_respondents": (1, 10),
    "wave_month": (0, 12),
    "plan_days_before": (0, 180),
    "announce_days": (1, 60),
    "calling_days": (1, 90),
    "closing_days": (1, 90),
    "edit_days": (0, 90),
    "letter_gap_days": (1, 30),
    "letters_per_hour": (0, 10000),
    "letters_per_day": (0, 100000),
    "thanks_after_hours": (0, 72),
    "hours_from": (0, 23),
    "hours_to": (1, 24),
    "snooze_days": (1, 90),
    "attempts_per_day": (1, 10),
    "max_attempts": (1, 50),
    "silent_days": (1, 60),
    "direct_line_days": (1, 60),
    "disagreement_days": (1, 60),
    "disagreement_spread": (1, 10),
    "escalate_days": (0, 60),
    "systemic_share": (1, 100),
    "min_group": (1, 100),
    "thanks_days": (0, 60),
    "project_delay_days": (0, 90),
    "project_gap_days": (31, 1500),
    "project_reminder_days": (1, 30),
    "project_closing_days": (1, 90),
    "retention_months": (12, 120),
}
# field: how many entries at most; text: how long at most. A settings page is no warehouse.
SIZES: dict[str, int] = {
    "service_pipelines": 200,
    "service_stages": 500,
    "trouble_stages": 500,
    "shared_mailboxes": 300,
    "senders": 50,
    "sender_by_city": 300,
    "director_by_city": 300,
    "callers": 300,
    "referral_sources": 40,
    "introduced_stages": 500,
    "talks_stages": 500,
    "paid_stages": 500,
    "project_stages": 500,
}
TEXT = 200
FIELDS = (
    "since_field", "end_field", "city_field", "manager_field", "sales_field", "revenue_field", "zone_field",
    "recommendation_id",
)  # fmt: skip
SOURCE_NAME = 60
YEAR = 365
LONGEST_WAIT = 60 * 24 * 60  # minutes between two calls: 60 days
NO_REPLY = ("noreply", "no-reply", "no_reply", "donotreply", "do-not-reply", "do_not_reply")


def looks_like_address(address: str) -> bool:
    """A cheap check; the edges validate addresses properly."""
    local, at, domain = address.rpartition("@")
    return bool(local and at and domain) and "@" not in local and not any(c.isspace() for c in address)


def is_no_reply(address: str) -> bool:
    """Whether the address says that nobody reads it (product.md W5)."""
    return address.partition("@")[0].casefold().startswith(NO_REPLY)


def problems(policy: Policy) -> list[PolicyProblem]:
    """Everything wrong with a policy, in the order of its fields."""
    parts = (
        _ranges,
        _sizes,
        _clients,
        _wave,
        _calls,
        _span,
        _languages,
        _senders,
        _people,
        _questions,
        _referrals,
        _projects,
    )
    return [problem for part in parts for problem in part(policy)]


def people_problems(policy: Policy, team: Team) -> list[PolicyProblem]:
    """Employees the policy names whom the portal does not know, or who have left (product.md F3).

    A portal whose staff could not be read tells nothing: then nobody is doubted.
    """
    return [found for field, user in _named(policy) if team.staff and (found := _doubt(field, user, team))]


def _named(policy: Policy) -> Iterator[tuple[str, int]]:
    for name in ("head_user_id", "default_owner", "wave_owner"):
        user = getattr(policy, name)
        if user is not None:
            yield name, user
    for sender in policy.senders:
        if sender.user_id is not None:
            yield "senders", sender.user_id
    for director in policy.director_by_city.values():
        yield "director_by_city", director
    for caller in policy.callers:
        yield "callers", caller


def _doubt(field: str, user: int, team: Team) -> PolicyProblem | None:
    person = team.staff.get(user)
    if person is None:
        return PolicyProblem(field, "unknown_user", {"user": user})
    return None if person.active else PolicyProblem(field, "dismissed", {"user": user, "name": person.name})


def pipeline_of(stage: str) -> int | None:
    """The pipeline of a deal stage by its id: "C9:WON" is of 9, "WON" of 0 (bitrix24.md 7.6); None: no stage id."""
    prefix, colon, _ = stage.partition(":")
    if not colon:
        return 0
    number = prefix.removeprefix("C")
    return int(number) if number.isascii() and number.isdigit() and len(number) < 10 else None


def _sizes(policy: Policy) -> Iterator[PolicyProblem]:
    for name, most in SIZES.items():
        if len(getattr(policy, name)) > most:
            yield PolicyProblem(name, "too_many", {"most": most})
    for sender in policy.senders:
        if any(len(getattr(sender, name)) > TEXT for name in ("key", "name", "position", "email", "phone")):
            yield PolicyProblem("senders", "too_long", {"sender": sender.key, "most": TEXT})
    for name in FIELDS:
        if len(getattr(policy, name)) > TEXT:
            yield PolicyProblem(name, "too_long", {"most": TEXT})
    for name in ("sender_by_city", "director_by_city"):
        if any(not city.strip() or len(city) > TEXT for city in getattr(policy, name)):
            yield PolicyProblem(name, "bad_city", {"most": TEXT})


def _clients(policy: Policy) -> Iterator[PolicyProblem]:
    chosen = {pipeline_of(stage) for stage in policy.service_stages}
    if policy.service_stages and policy.service_pipelines:
        for stage in policy.service_stages:
            if pipeline_of(stage) not in policy.service_pipelines:
                yield PolicyProblem("service_stages", "stage_elsewhere", {"stage": stage})
        for pipeline in policy.service_pipelines:
            if pipeline not in chosen:
                yield PolicyProblem("service_stages", "pipeline_without_stage", {"pipeline": pipeline})
    if policy.end_field and policy.end_field == policy.since_field and policy.since_field_on == "deal":
        yield PolicyProblem("end_field", "same_field")


def _span(policy: Policy) -> Iterator[PolicyProblem]:
    """Next year's survey must not be drafted while this one still runs."""
    days = policy.plan_days_before + max(policy.reminder_days, default=0) + policy.closing_days
    if policy.calling:
        days += policy.calling_days
    if policy.wave_month and days >= YEAR:
        yield PolicyProblem("closing_days", "longer_than_year", {"days": days})


def _languages(policy: Policy) -> Iterator[PolicyProblem]:
    chosen = policy.languages
    if len(set(chosen)) != len(chosen) or not set(chosen) <= set(LANGUAGES):
        yield PolicyProblem("languages", "unknown_language", {"language": ", ".join(map(str, chosen))})
    elif policy.language in LANGUAGES and policy.language not in chosen:
        yield PolicyProblem("languages", "main_language_missing", {"language": policy.language})


def _ranges(policy: Policy) -> Iterator[PolicyProblem]:
    for name, (least, most) in RANGES.items():
        if not least <= getattr(policy, name) <= most:
            yield PolicyProblem(name, "out_of_range", {"least": least, "most": most})


def _wave(policy: Policy) -> Iterator[PolicyProblem]:
    if policy.hours_from >= policy.hours_to:
        yield PolicyProblem("hours_to", "hours_empty", {"from": policy.hours_from, "to": policy.hours_to})
    month = policy.wave_month
    if 1 <= month <= 12 and not 1 <= policy.wave_day <= monthrange(2024, month)[1]:
        yield PolicyProblem("wave_day", "no_such_day", {"month": month, "day": policy.wave_day})
    days = policy.reminder_days
    if any(day < 1 for day in days) or list(days) != sorted(set(days)):
        yield PolicyProblem("reminder_days", "not_ascending")
    elif len(days) > 5:
        yield PolicyProblem("reminder_days", "too_many", {"most": 5})
    else:
        for before, after in zip((0, *days), days, strict=False):
            if after - before < policy.letter_gap_days:
                yield PolicyProblem("reminder_days", "closer_than_gap", {"gap": policy.letter_gap_days})
                break
    if policy.announce_days < policy.letter_gap_days:
        yield PolicyProblem("announce_days", "closer_than_gap", {"gap": policy.letter_gap_days})
    if policy.plan_days_before < policy.announce_days:
        yield PolicyProblem("plan_days_before", "planned_too_late", {"announce": policy.announce_days})
    if policy.calling and policy.max_attempts > policy.calling_days * policy.attempts_per_day:
        yield PolicyProblem("calling_days", "attempts_do_not_fit", {"attempts": policy.max_attempts})
    try:
        zone_named(policy.time_zone)
    except UnknownZone:
        yield PolicyProblem("time_zone", "unknown_zone", {"zone": policy.time_zone})
    if policy.language not in LANGUAGES:
        yield PolicyProblem("language", "unknown_language", {"language": policy.language})


def _calls(policy: Policy) -> Iterator[PolicyProblem]:
    for outcome, minutes in policy.call_waits.items():
        if outcome not in CALL_WAITS:
            yield PolicyProblem("call_waits", "unknown_outcome", {"outcome": outcome})
        elif not 1 <= minutes <= LONGEST_WAIT:
            yield PolicyProblem(
                "call_waits", "wait_out_of_range", {"outcome": outcome, "days": LONGEST_WAIT // 1440}
            )


def _senders(policy: Policy) -> Iterator[PolicyProblem]:
    keys = [sender.key for sender in policy.senders]
    if len(set(keys)) != len(keys) or not all(keys):
        yield PolicyProblem("senders", "keys_not_unique")
    for sender in policy.senders:
        for name in ("name", "position", "email", "phone"):
            if not getattr(sender, name).strip():
                yield PolicyProblem("senders", "sender_lacks", {"sender": sender.key, "what": name})
        if sender.email and not looks_like_address(sender.email):
            yield PolicyProblem("senders", "bad_address", {"sender": sender.key})
        elif is_no_reply(sender.email):
            yield PolicyProblem("senders", "no_reply", {"sender": sender.key})
    for name in ("default_sender", "head_sender"):
        key = getattr(policy, name)
        if key and key not in keys:
            yield PolicyProblem(name, "no_such_sender", {"sender": key})
    for city, key in policy.sender_by_city.items():
        if key not in keys:
            yield PolicyProblem("sender_by_city", "no_such_sender", {"city": city, "sender": key})


def _people(policy: Policy) -> Iterator[PolicyProblem]:
    for group in GROUPS:
        if not 0 <= policy.days_for(group) <= 60:
            yield PolicyProblem("deadline_days", "out_of_range", {"group": group, "least": 0, "most": 60})
    for name in policy.deadline_days:
        if name not in GROUPS:
            yield PolicyProblem("deadline_days", "unknown_group", {"group": name})
    for role in ROLES:
        if policy.role_weights.get(role, 0) < 1:
            yield PolicyProblem("role_weights", "weight_missing", {"role": role})


def _referrals(policy: Policy) -> Iterator[PolicyProblem]:
    sources = policy.referral_sources
    if len(set(sources)) != len(sources) or not all(sources):
        yield PolicyProblem("referral_sources", "not_unique")
    if "unknown" not in sources:
        yield PolicyProblem("referral_sources", "unknown_missing")
    names = policy.referral_source_names
    for source in sources:
        if source not in REFERRAL_SOURCES and not names.get(source, "").strip():
            yield PolicyProblem("referral_sources", "source_unnamed", {"source": source})
    for source, name in names.items():
        if source in REFERRAL_SOURCES or source not in sources:
            yield PolicyProblem("referral_sources", "no_such_source", {"source": source})
        elif len(name) > SOURCE_NAME:
            yield PolicyProblem("referral_sources", "too_long", {"source": source, "most": SOURCE_NAME})
    for step in policy.thanked_steps:
        if step not in THANKABLE:
            yield PolicyProblem("thanked_steps", "no_such_step", {"step": step})
    if len({_same(name) for name in names.values()}) != len(names):
        yield PolicyProblem("referral_sources", "names_not_unique")
    for source in policy.recommending_sources:
        if source not in sources:
            yield PolicyProblem("recommending_sources", "no_such_source", {"source": source})


def _projects(policy: Policy) -> Iterator[PolicyProblem]:
    if policy.project_surveys and policy.project_reminder_days < policy.letter_gap_days:
        yield PolicyProblem("project_reminder_days", "closer_than_gap", {"gap": policy.letter_gap_days})


def _questions(policy: Policy) -> Iterator[PolicyProblem]:
    for code, params in wrong(policy.extra_questions, policy.language, policy.languages):
        yield PolicyProblem("extra_questions", code, params)


def _same(name: str) -> str:
    return " ".join(name.split()).casefold()
