"""What a rehearsal can find, and how bad it is (product.md W4).

An *error* forbids approval: a letter could not be written, signed or sent, or there would be none. A *warning* may be
lived with, and is approved along with the wave. A *note* only explains what somebody might wonder about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal

from .plans import Plan, wave_start
from .policy import Policy

Level = Literal["error", "warning", "note"]
OLD_LOOK = timedelta(hours=24)  # mail servers and DNS may have changed since
OLD_LIST = 14  # days; cards, deals and addresses move on
NAMED = 50  # names kept with a finding
ERRORS = frozenset({
    "nobody_to_ask", "setting", "no_sender", "no_such_sender", "sender_serves_client", "sender_unfit",
    "missing_placeholder", "missing_fact", "no_way", "login_refused", "server_login", "portal_unfit",
})  # fmt: skip
WARNINGS = frozenset({
    "never_checked", "server_away", "no_public_holidays", "no_channel", "no_respondent", "people_without_address",
    "people_without_role", "nameless", "import_date", "list_is_old", "settings_newer", "follow_ups_open",
    "no_one_click", "dmarc_rejects", "no_spf", "spf_lacks_server", "spf_broken", "no_dmarc", "dmarc_broken",
    "dkim_missing", "dkim_revoked", "dkim_broken", "dkim_weak", "dkim_unsigned", "dkim_failed",
    "dkim_foreign", "no_mail_for_replies", "dns_silent",
    "nobody_calls",
})  # fmt: skip
NOTES = frozenset({"shared_mailboxes", "zone_unknown", "day_moved", "dkim_unknown", "phone_only", "no_phone"})
CODES = ERRORS | WARNINGS | NOTES
_ORDER: Mapping[Level, int] = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody or something a finding is about, with the card where it is mended: company, contact, or none."""

    name: str
    kind: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """Something people should know: a code for the catalogue, what its words need, and whom it is about.

    `who`: at most `NAMED`; how many there are stands in `params`.
    """

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)
    who: tuple[Named, ...] = ()

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.code} ({told})" if told else self.code

    @property
    def level(self) -> Level:
        """How bad it is; open tasks forbid a wave where the agency has set it so (`must`, product.md W3)."""
        if self.code in ERRORS or self.params.get("must"):
            return "error"
        return "note" if self.code in NOTES else "warning"

    def to_json(self) -> dict[str, Any]:
        """JSON values only; `from_json` gives the same back."""
        return {"code": self.code, "params": dict(self.params), "who": [asdict(one) for one in self.who]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Finding:
        """What `to_json` wrote; KeyError or TypeError for anything else."""
        return cls(data["code"], dict(data["params"]), tuple(Named(**one) for one in data.get("who", ())))


def ordered(found: Iterable[Finding]) -> list[Finding]:
    """The worst first, else as they came; what was found twice once."""
    kept: dict[str, Finding] = {}
    for finding in found:
        kept.setdefault(f"{finding.code}:{sorted(finding.params.items(), key=str)}", finding)
    return sorted(kept.values(), key=lambda one: _ORDER[one.level])


def refusal(looked_at: datetime | None, now: datetime) -> str:
    """Why what a rehearsal found does not count any more: ``look_missing``, ``look_is_old``; empty if it does.

    Aware UTC. A look of the future (a clock set back) counts as old: nobody knows what it saw.
    """
    if looked_at is None:
        return "look_missing"
    return "" if timedelta(0) <= now - looked_at <= OLD_LOOK else "look_is_old"


def list_age(frozen: date, today: date) -> Finding | None:
    """A list of two weeks ago is not today's: `list_is_old` with its age in days (the portal's days)."""
    days = (today - frozen).days
    return Finding("list_is_old", {"days": days}) if days > OLD_LIST else None


def moved_days(plan: Plan, policy: Policy) -> list[Finding]:
    """Steps that do not stand on the day the settings name, because that is a day off: `day_moved`.

    Each is compared with the distance to the step before it, so that one moved day does not move all the rest.
    """
    first = wave_start(plan.start.year, policy) if policy.wave_month else None
    start = first if first and timedelta(0) <= plan.start - first < timedelta(days=14) else plan.start
    asked = plan.calling + timedelta(days=policy.calling_days) if plan.calling else start
    wished = [
        ("announced", plan.start - timedelta(days=policy.announce_days), plan.announce),
        ("mailing", asked, plan.mailing),
    ]
    for days, day in zip(policy.reminder_days, plan.reminders, strict=False):
        wished.append(("reminders", plan.mailing + timedelta(days=days), day))
    last = plan.reminders[-1] if plan.reminders else plan.mailing
    wished.append(("closing", last + timedelta(days=policy.closing_days), plan.closing))
    return [
        Finding("day_moved", {"step": step, "wished": wish.isoformat(), "day": day.isoformat()})
        for step, wish, day in wished
        if wish != day and abs((day - wish).days) < 15
    ]
