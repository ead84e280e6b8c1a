"""Every business setting of a portal with its default, and the combinations that cannot work.

*Policy* is the portal's settings (database); the environment of the process is ``config``. Defaults are
those of product.md; JSON goes through ``policy_json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as default
from datetime import timedelta
from typing import Literal

from .people import Group
from .questions import Question

AccountRule = Literal["worst_decision_maker", "weighted", "equal"]
Readiness = Literal["warn", "refuse"]
Language = Literal["ru", "uk", "en"]

LANGUAGES: tuple[Language, ...] = ("ru", "uk", "en")
SHARED_MAILBOXES = (
    "abuse",
    "accounting",
    "admin",
    "billing",
    "buh",
    "buhgalteria",
    "company",
    "contact",
    "contacts",
    "director",
    "feedback",
    "hello",
    "help",
    "hr",
    "info",
    "inbox",
    "job",
    "mail",
    "main",
    "manager",
    "marketing",
    "office",
    "order",
    "orders",
    "partner",
    "post",
    "postmaster",
    "pr",
    "press",
    "reception",
    "sale",
    "sales",
    "secretary",
    "service",
    "shop",
    "support",
    "team",
    "webmaster",
    "welcome",
    "zakaz",
    "zakaz1",
)
REFERRAL_SOURCES = (
    "client",
    "former_client",
    "partner",
    "employee",
    "publication",
    "event",
    "other",
    "unknown",
)
# Minutes from the end of a call to the next one, by its outcome (W7): 3 hours, 20 minutes, 7 days, a day.
CALL_WAITS: Mapping[str, int] = {"no_answer": 180, "busy": 20, "not_now": 10080, "out_of_service": 1440}
THANKABLE = ("introduced", "in_talks", "won", "paid", "year")  # steps of the ladder after being named (R5)
RECOMMENDING_SOURCES = ("client", "former_client", "partner", "employee")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who signs: always a living person with name, position, reply address and phone (product.md W5)."""

    key: str
    user_id: int | None = None
    name: str = ""
    position: str = ""
    email: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """A setting that is wrong: the field, a code for the catalogue, and what the text needs."""

    field: str
    code: str
    params: Mapping[str, str | int] = default(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """The business settings of one portal (product.md E, W, S, F, N, R)."""

    # Clients and eligibility (E). Empty ``service_stages``: every open stage of the service pipelines.
    # A stage stands as its STATUS_ID, e.g. "C2:UC_8XK1" or "NEW".
    service_pipelines: tuple[int, ...] = ()
    service_stages: tuple[str, ...] = ()
    trouble_stages: tuple[str, ...] = ()
    since_field: str = ""
    since_field_on: Literal["deal", "company"] = "deal"
    end_field: str = ""
    city_field: str = ""
    current_months: int = 12
    min_age_months: int = 3
    min_gap_days: int = 300
    max_respondents: int = 3
    shared_mailboxes: tuple[str, ...] = SHARED_MAILBOXES
    critical_tasks: bool = True  # an overdue task of high priority keeps its client out (E5)
    # Fields of the company that name who serves the client, who sold and the yearly revenue, of the contact that
    # names the time zone; empty, also on a card: as product.md E6 and E7 have it by default.
    manager_field: str = ""
    sales_field: str = ""
    revenue_field: str = ""
    zone_field: str = ""
    # The wave (W). ``wave_month`` 0: waves are not planned by themselves. Days are calendar days before
    # they are shifted to working ones.
    wave_month: int = 10
    wave_day: int = 1
    plan_days_before: int = 42
    announce_days: int = 14
    calling: bool = False
    calling_days: int = 10
    reminder_days: tuple[int, ...] = (4, 9)
    closing_days: int = 7
    edit_days: int = 14
    letter_gap_days: int = 3
    letters_per_hour: int = 0  # per sender's mailbox (W19); 0: no limit
    letters_per_day: int = 0
    thanks_letters: bool = True  # one letter of thanks to each who answered (F1)
    thanks_after_hours: int = 2
    offer_colleague: bool = True  # "ask my colleague" on the answer page (W12)
    direct_line: bool = True  # the page on which a client can write at any time (S5)
    extra_questions: tuple[Question, ...] = ()  # in the order of asking; never part of NPS (W13)
    hours_from: int = 9
    hours_to: int = 18
    snooze_days: int = 14
    attempts_per_day: int = 2
    max_attempts: int = 12
    call_waits: Mapping[str, int] = default(
        default_factory=lambda: dict(CALL_WAITS)
    )  # outcome of a call -> minutes
    readiness: Readiness = "warn"
    wave_owner: int | None = None
    country: str = ""
    time_zone: str = "UTC"
    language: Language = "en"  # of the portal; ``languages``: what letters may be written in
    languages: tuple[Language, ...] = LANGUAGES
    # Who signs (W5, W6). ``sender_by_city``: city as in the card -> key of a sender.
    senders: tuple[Sender, ...] = ()
    sender_by_city: Mapping[str, str] = default(default_factory=dict)
    default_sender: str = ""
    head_sender: str = ""
    # Who acts (F).
    head_user_id: int | None = None
    director_by_city: Mapping[str, int] = default(default_factory=dict)
    default_owner: int | None = None
    deadline_days: Mapping[str, int] = default(
        default_factory=lambda: {"detractor": 2, "passive": 5, "promoter": 10}
    )
    silent_days: int = 10
    direct_line_days: int = 2
    disagreement_days: int = 5
    disagreement_spread: int = 4
    escalate_days: int = 2
    silent_check: bool = False
    triggers: bool = False  # each counted answer is told to the portal's own automation (B3)
    systemic_share: int = 30
    callers: tuple[int, ...] = ()  # employees who see the call desk and nothing else (P2)
    # Numbers (N).
    account_rule: AccountRule = "worst_decision_maker"
    role_weights: Mapping[str, int] = default(default_factory=lambda: {"decides": 3, "daily": 2, "other": 1})
    min_group: int = 5
    # Referrals (R). ``recommendation_id``: STATUS_ID of the portal's own source "by recommendation". Steps of the
    # ladder (R5) by stages of deals; empty: the usual rule of ``ladder``. ``thanked_steps``: those after which the
    # referrer is thanked, within ``thanks_days`` working days.
    referral_sources: tuple[str, ...] = REFERRAL_SOURCES
    recommending_sources: tuple[str, ...] = RECOMMENDING_SOURCES
    referral_source_names: Mapping[str, str] = default(default_factory=dict)  # own sources: code -> as typed
    recommendation_id: str = "RECOMMENDATION"
    introduced_stages: tuple[str, ...] = ()
    talks_stages: tuple[str, ...] = ()
    paid_stages: tuple[str, ...] = ()
    thanked_steps: tuple[str, ...] = ("won", "year")
    thanks_days: int = 5
    # Surveys after a project (W16): by these stages of deals, so many days later; a client is asked once in
    # ``project_gap_days``; one reminder; the letter waits for an answer ``project_closing_days`` after the last one.
    project_surveys: bool = False
    project_stages: tuple[str, ...] = ()
    project_delay_days: int = 3
    project_gap_days: int = 90
    project_reminder_days: int = 5
    project_closing_days: int = 14
    # Personal data (T7).
    retention_months: int = 36

    def sender(self, key: str) -> Sender | None:
        """The sender of a key, None if there is none."""
        return next((sender for sender in self.senders if sender.key == key), None)

    @property
    def own_sources(self) -> tuple[str, ...]:
        """Codes of the referral sources the agency added to the usual ones (product.md R1)."""
        return tuple(source for source in self.referral_sources if source not in REFERRAL_SOURCES)

    def days_for(self, group: Group) -> int:
        """Working days until a follow-up of this group is due (product.md F1)."""
        return self.deadline_days.get(group, {"detractor": 2, "passive": 5, "promoter": 10}[group])

    def wait_after(self, outcome: str) -> timedelta:
        """How long to wait after a call that ended so (product.md W7); none for those that end the calls."""
        return timedelta(minutes=self.call_waits.get(outcome, CALL_WAITS.get(outcome, 0)))

    def problems(self) -> list[PolicyProblem]:
        """What cannot work, each with the field to show it at. Empty: the policy can be saved."""
        from .policy_checks import problems

        return problems(self)
