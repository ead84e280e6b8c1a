"""Settings and what changed in them, in words (product.md P: what each save changed)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from babel import dates

from integration import i18n
from integration.nps.policy import Sender
from integration.nps.policy_changes import Change
from integration.services import field_labels
from integration.services.choices import Choices
from integration.web.pages import language, say
from integration.web.referral_words import STEPS
from integration.web.settings import question_words
from integration.web.settings.labels import CALL_WAITS as CALL_WAITS
from integration.web.settings.labels import GROUPS as GROUPS
from integration.web.settings.labels import LABELS as LABELS
from integration.web.settings.labels import READINESS as READINESS
from integration.web.settings.labels import ROLES as ROLES
from integration.web.settings.labels import RULES as RULES
from integration.web.settings.labels import SENDER_PARTS as SENDER_PARTS

_DAYS = (
    "min_gap_days", "project_delay_days", "project_gap_days", "project_reminder_days", "project_closing_days",
    "plan_days_before", "announce_days", "calling_days", "closing_days", "edit_days",
    "letter_gap_days", "snooze_days",
)  # fmt: skip
_WORKDAYS = ("silent_days", "direct_line_days", "disagreement_days", "escalate_days", "thanks_days")
_MONTHS = ("current_months", "min_age_months", "retention_months")


@dataclass(frozen=True, slots=True)
class Line:
    """One changed setting: `before` and `after`, or for lists and tables what came, went and changed."""

    label: str
    before: str = ""
    after: str = ""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    details: tuple[tuple[str, str, str], ...] = ()  # name, before, after


@dataclass(frozen=True, slots=True)
class Names:
    """What ids are called: people, stages, pipelines of the portal, and titles of fields where known."""

    choices: Choices
    titles: Mapping[str, str]

    def person(self, user_id: int | None) -> str:
        """An employee's name."""
        if user_id is None:
            return say("nobody")
        person = self.choices.employee(user_id)
        return person.name if person else f"#{user_id}"


def label(field: str) -> str:
    """What a setting is called."""
    return say(LABELS[field]) if field in LABELS else field


def line(change: Change, names: Names) -> Line:
    """A change in words."""
    title = label(change.field)
    if change.field == "senders":
        return _senders(title, change.before, change.after, names)
    if change.field == "extra_questions":
        return _questions(title, change)
    if isinstance(change.after, Mapping):
        return _table(title, change, names)
    if isinstance(change.after, tuple) and change.field != "reminder_days":
        was, now = (
            [entry(change.field, item, names) for item in side] for side in (change.before, change.after)
        )
        added, removed = (tuple(x for x in a if x not in b) for a, b in ((now, was), (was, now)))
        if added or removed:
            return Line(title, added=added, removed=removed)
        return Line(title, ", ".join(was), ", ".join(now))
    return Line(title, value(change.field, change.before, names), value(change.field, change.after, names))


def value_of(field: str, what: Any, names: Names) -> str:
    """A whole setting in one line, to be set beside another person's."""
    if field == "senders":
        return ", ".join(f"{one.name} ({one.email}, {one.phone})" for one in what) or say("nobody")
    if field == "extra_questions":
        return question_words.whole(what)
    if isinstance(what, Mapping):
        table = _table("", Change(field, {}, what), names)
        return "; ".join([*table.added, *(f"{name}: {after}" for name, _, after in table.details)]) or say(
            "none"
        )
    return value(field, what, names)


def value(field: str, what: Any, names: Names) -> str:
    """One value of a setting in words."""
    if isinstance(what, tuple):
        return ", ".join(entry(field, item, names) for item in what) or say("none")
    if isinstance(what, bool):
        return say("on") if what else say("off")
    if field in ("head_user_id", "default_owner", "wave_owner"):
        return names.person(what)
    if isinstance(what, int):
        return _number(field, what)
    special: dict[str, Callable[[str], str]] = {
        "since_field": lambda code: names.titles.get(code, code) or say("by the deals themselves"),
        "since_field_on": lambda kind: say("Company") if kind == "company" else say("Deal"),
        "end_field": lambda code: names.titles.get(code, code) or say("the deal’s close date"),
        "city_field": lambda code: names.titles.get(code, code) or say("the address on the card"),
        "manager_field": lambda code: names.titles.get(code, code) or say("responsible for the card"),
        "sales_field": lambda code: names.titles.get(code, code) or say("responsible for the first deal"),
        "revenue_field": lambda code: names.titles.get(code, code) or say("the deals won in a year"),
        "zone_field": lambda code: names.titles.get(code, code) or say("by the city, else the employee’s"),
        "readiness": lambda code: say(READINESS.get(code, code)),
        "account_rule": lambda code: say(RULES.get(code, code)),
        "language": lambda code: i18n.NAMES.get(code, code),
        "country": country,
        "default_sender": lambda key: names.titles.get(key, key) or say("nobody"),
        "head_sender": lambda key: names.titles.get(key, key) or say("nobody"),
        "recommendation_id": lambda code: names.titles.get(code, code),
    }  # fmt: skip
    if field in special:
        return special[field](str(what))
    return str(what) or say("none")


def entry(field: str, item: Any, names: Names) -> str:
    """One entry of a list in words."""
    match field:
        case "service_pipelines":
            return names.choices.pipeline_name(item)
        case (
            "service_stages" | "trouble_stages" | "introduced_stages" | "talks_stages" | "paid_stages"
            | "project_stages"
        ):  # fmt: skip
            return names.choices.stage_name(item)
        case "callers":
            return names.person(item)
        case "languages":
            return i18n.NAMES.get(item, str(item))
        case "thanked_steps":
            return say(STEPS.get(item, item))
        case "referral_sources" | "recommending_sources":
            return source(item, names.titles)
        case "reminder_days":
            return i18n.number(language(), item)
        case _:
            return str(item)


def source(code: str, own: Mapping[str, str]) -> str:
    """A referral source by its code: ours in words, the agency's own as typed."""
    known = field_labels.VALUES["UF_CRM_MOLVA_REFERRAL_SOURCE"].get(code)
    return say(known) if known else own.get(code, code)


def country(code: str) -> str:
    """A country by its two letters."""
    return str(i18n.locale(language()).territories.get(code, code)) if code else say("not set")


def month(number: int) -> str:
    """A month's name, for a list."""
    return str(dates.get_month_names("wide", "stand-alone", i18n.locale(language()))[number])


def _number(field: str, what: int) -> str:
    code = language()
    if field == "wave_month":
        return month(what) if 1 <= what <= 12 else say("not planned by itself")
    if field in ("hours_from", "hours_to"):
        return f"{what}:00"
    if field == "systemic_share":
        return f"{i18n.number(code, what)} %"
    if field in _DAYS:
        return i18n.plural(code, "{n} day", "{n} days", what)
    if field in _WORKDAYS:
        return i18n.plural(code, "{n} working day", "{n} working days", what)
    if field in _MONTHS:
        return i18n.plural(code, "{n} month", "{n} months", what)
    if field in ("letters_per_hour", "letters_per_day") and not what:
        return say("no limit")
    return i18n.number(code, what)


def _table(title: str, change: Change, names: Names) -> Line:
    """Branches, deadlines, weights: entry by entry."""

    def said(key: str, what: Any) -> str:
        if what is None:
            return "—"
        if change.field == "director_by_city":
            return names.person(what)
        if change.field == "sender_by_city":
            return names.titles.get(str(what), str(what))
        if change.field == "deadline_days":
            return i18n.plural(language(), "{n} working day", "{n} working days", what)
        return lasting(what) if change.field == "call_waits" else str(what)

    heads = {"deadline_days": GROUPS, "role_weights": ROLES, "call_waits": CALL_WAITS}.get(change.field, {})
    keys = [key for key in dict.fromkeys((*change.before, *change.after))
            if change.before.get(key) != change.after.get(key)]  # fmt: skip
    if change.field == "referral_source_names":
        return Line(
            title,
            added=tuple(change.after[key] for key in keys if key not in change.before),
            removed=tuple(change.before[key] for key in keys if key not in change.after),
            details=tuple(
                ("", change.before[k], change.after[k]) for k in keys
                if k in change.before and k in change.after
            ),
        )  # fmt: skip
    details = tuple(
        (
            say(heads[key]) if key in heads else key,
            said(key, change.before.get(key)),
            said(key, change.after.get(key)),
        )
        for key in keys
    )
    return Line(title, details=details)


def _questions(title: str, change: Change) -> Line:
    added, removed, details = question_words.compared(change.before, change.after)
    if not (added or removed or details):
        was, now = (
            ", ".join(question_words.name(one) for one in side) for side in (change.before, change.after)
        )
        return Line(title, was, now)
    return Line(title, added=added, removed=removed, details=details)


def _senders(title: str, before: tuple[Sender, ...], after: tuple[Sender, ...], names: Names) -> Line:
    was, now = ({sender.key: sender for sender in side} for side in (before, after))
    details = [
        (
            f"{now[key].name}: {say(SENDER_PARTS[part.name])}",
            _part(was[key], part.name, names),
            _part(now[key], part.name, names),
        )
        for key in now
        if key in was
        for part in fields(Sender)
        if part.name != "key" and getattr(was[key], part.name) != getattr(now[key], part.name)
    ]  # fmt: skip
    added = tuple(now[key].name for key in now if key not in was)
    removed = tuple(was[key].name for key in was if key not in now)
    if not (details or added or removed):
        return Line(title, ", ".join(s.name for s in before), ", ".join(s.name for s in after))
    return Line(title, added=added, removed=removed, details=tuple(details))


def _part(sender: Sender, name: str, names: Names) -> str:
    return names.person(sender.user_id) if name == "user_id" else getattr(sender, name) or "—"


def lasting(minutes: int) -> str:
    """A wait in the largest unit in which it is a whole number."""
    if minutes % 1440 == 0:
        return i18n.plural(language(), "{n} day", "{n} days", minutes // 1440)
    if minutes % 60 == 0:
        return i18n.plural(language(), "{n} hour", "{n} hours", minutes // 60)
    return i18n.plural(language(), "{n} minute", "{n} minutes", minutes)


def weekday(day: date) -> str:
    """The short name of a day's weekday."""
    return str(dates.get_day_names("abbreviated", "stand-alone", i18n.locale(language()))[day.weekday()])
