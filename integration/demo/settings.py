"""What the agency's head decided before the first wave; handed to ``molva policy set``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from integration.bitrix.sandbox.story_cards import SERVICE
from integration.bitrix.sandbox.story_staff import CALLER, CITIES, DIRECTOR_A, HEAD, director_of, signer

CURRENT_MONTHS, MIN_AGE_MONTHS, MAX_RESPONDENTS = 12, 3, 3
ANNOUNCE_DAYS, REMINDER_DAYS, CLOSING_DAYS, SNOOZE_DAYS = 14, (4, 9), 7, 14
CALLING_DAYS, CALLS_A_DAY, MOST_CALLS, NOT_NOW_DAYS = 4, 2, 4, 7
WAVE_MONTH, WAVE_DAY, PLAN_DAYS = 10, 1, 42
HOURS = (9, 18)
DEADLINES = {"detractor": 2, "passive": 5, "promoter": 10, "disagreement": 5}
SPREAD = 4
THANKS_DAYS = 5
THANKS_HOURS, GAP_DAYS = 2, 3
TROUBLE = f"C{SERVICE}:TROUBLE"


def policy() -> dict[str, Any]:
    """The settings that differ from what Molva finds out by itself, or that must not change under our feet."""
    return {
        "service_pipelines": [SERVICE],
        "trouble_stages": [TROUBLE],
        "current_months": CURRENT_MONTHS,
        "min_age_months": MIN_AGE_MONTHS,
        "max_respondents": MAX_RESPONDENTS,
        "wave_month": WAVE_MONTH,
        "wave_day": WAVE_DAY,
        "plan_days_before": PLAN_DAYS,
        "announce_days": ANNOUNCE_DAYS,
        "reminder_days": list(REMINDER_DAYS),
        "closing_days": CLOSING_DAYS,
        "snooze_days": SNOOZE_DAYS,
        "calling": True,
        "calling_days": CALLING_DAYS,
        "attempts_per_day": CALLS_A_DAY,
        "max_attempts": MOST_CALLS,
        "callers": [CALLER],
        "hours_from": HOURS[0],
        "hours_to": HOURS[1],
        "disagreement_days": DEADLINES["disagreement"],
        "disagreement_spread": SPREAD,
        "deadline_days": {name: DEADLINES[name] for name in ("detractor", "passive", "promoter")},
        "thanks_days": THANKS_DAYS,
        "thanks_letters": True,
        "triggers": True,
        "thanks_after_hours": THANKS_HOURS,
        "letter_gap_days": GAP_DAYS,
        "time_zone": "Europe/Moscow",
        "language": "ru",
        "senders": [
            _sender("head", HEAD),
            *(_sender(f"branch-{n}", director_of(c)) for n, c in enumerate(CITIES)),
        ],
        "sender_by_city": {city: f"branch-{n}" for n, city in enumerate(CITIES)},
        "default_sender": "branch-0",
        "head_sender": "head",
        "head_user_id": HEAD,
        "director_by_city": {city: director_of(city) for city in CITIES},
        "default_owner": DIRECTOR_A,
        "wave_owner": HEAD,
    }


def _sender(key: str, user_id: int) -> dict[str, Any]:
    return {"key": key, **asdict(signer(user_id))}
