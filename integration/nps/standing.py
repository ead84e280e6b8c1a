"""Where one client stands in the survey, and what a person may do on its card; codes and facts, no words.

The page chooses the words by code (product.md E4, W15, P2, W10).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

from .eligibility import REASONS, Reason
from .intents import Facts, WaveStage
from .plans import Plan
from .policy import Policy
from .rights import Rights
from .touches import AFTER_SNOOZE, step_names

Action = Literal[
    "hold", "lift", "opt_out", "opt_back", "record", "correct", "confirm", "reject", "restore", "revoke_link",
    "renew_link", "renew_direct",
]  # fmt: skip
ACTIONS: tuple[Action, ...] = (
    "hold", "lift", "opt_out", "opt_back", "record", "correct", "confirm", "reject", "restore", "revoke_link",
    "renew_link", "renew_direct",
)  # fmt: skip
LINK_ACTS: tuple[Action, ...] = ("revoke_link", "renew_link", "renew_direct")
Denial = Literal["callers", "own_client", "directors_only", "administrators_only", "not_yours"]

Code = Literal["answered", "asked", "finished", "out", "not_listed", "would", "would_not"]
BEFORE_LIST: tuple[WaveStage, ...] = ("draft", "rehearsed")
RECORDABLE: tuple[WaveStage, ...] = ("announced", "calling", "mailing", "reminders", "closing", "paused")


def denial(
    action: Action, rights: Rights, owners: frozenset[int], managers: frozenset[int], city: str = ""
) -> Denial | None:
    """Why this person may not do this on a card the portal lets them read; None: they may (product.md P2, W10).

    ``owners``: everybody who serves the client (its responsible, those of its deals, the account manager of
    the wave): they never record, correct, confirm or reject its scores. ``managers`` with ``city`` decide
    whether the client is one of the viewer's.

    * callers do nothing here, they have the desk;
    * hold, lift, "never again", restoring our score on the card: who sees the client by role, its own manager
      among them, because none of them changes what a client said;
    * record an answer given by word of mouth: anybody else who reads the card;
    * ending or replacing a personal link or the address of the direct line: who sees the client by role, but nobody
      who serves it, for whom silence would be convenient (product.md S5, S6); the head always;
    * correct, confirm, reject: administrators, the head, the director of the branch or department;
    * asking somebody again who said never: administrators.
    """
    if not rights.sees_clients:
        return "callers"
    if action in ("record", "correct", "confirm", "reject") and rights.user_id in owners:
        return "own_client"
    if action in LINK_ACTS and rights.user_id in owners and rights.role != "head":
        return "own_client"
    if action == "opt_back":
        return None if rights.role == "administrator" else "administrators_only"
    if action == "record":
        return None
    sees = rights.sees_all or any(rights.sees(manager, city) for manager in managers or {None})
    if action in ("correct", "confirm", "reject"):
        directs = rights.sees_all or (rights.role == "director" and sees)
        return None if directs else "directors_only"
    return None if sees or rights.user_id in owners else "not_yours"


@dataclass(frozen=True, slots=True)
class Listed:
    """The client's line on a frozen list, with its people. ``outcomes``: one per respondent, "" while open."""

    eligible: bool
    reason: str = ""
    facts: Facts = field(default_factory=dict)
    outcomes: tuple[str, ...] = ()
    answered: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the client stands. ``clears_on``: the day from which the reason no longer holds, if time mends it;
    ``in_time``: that day comes before the next list is used (None: not known). ``as_of``: the day judged.
    """

    code: Code
    wave: str = ""
    stage: str = ""
    reason: Reason | None = None
    facts: Facts = field(default_factory=dict)
    clears_on: date | None = None
    in_time: bool | None = None
    next_ask: date | None = None
    as_of: date | None = None


def on_list(wave: str, stage: str, line: Listed, as_of: date | None) -> Standing:
    """The standing of a client on a list: the one recorded reason, or how far its people are."""
    if not line.eligible:
        reason = reason_of(line.reason)
        clears = clears_on(reason, line.facts) if reason else None
        return Standing("out", wave, stage, reason, line.facts, clears, as_of=as_of)
    if line.answered:
        return Standing("answered", wave, stage, as_of=as_of)
    still_open = any(not outcome for outcome in line.outcomes)
    return Standing("asked" if still_open else "finished", wave, stage, as_of=as_of)


def before_list(
    reason: Reason | None, facts: Facts, today: date, wave: str, stage: str, next_ask: date | None
) -> Standing:
    """The standing before there is a list: as the client would be judged today (product.md E3, E4)."""
    if reason is None:
        return Standing("would", wave, stage, next_ask=next_ask, as_of=today)
    clears = clears_on(reason, facts)
    in_time = None if clears is None or next_ask is None else clears <= next_ask
    return Standing("would_not", wave, stage, reason, facts, clears, in_time, next_ask, today)


def reason_of(name: str) -> Reason | None:
    """A stored reason, None for none or one we do not know."""
    return next((reason for reason in REASONS if reason == name), None)


def clears_on(reason: Reason, facts: Facts) -> date | None:
    """The day from which a reason no longer holds by itself; None where a person has to do something."""
    name = {"too_new": "from", "asked_recently": "again_on", "on_hold": "until"}.get(reason)
    return _day(facts.get(name)) if name else None


def with_gap(reason: Reason, facts: Facts, policy: Policy) -> Facts:
    """The facts of ``asked_recently`` with the day on which the gap ends."""
    asked = _day(facts.get("asked_on")) if reason == "asked_recently" else None
    if asked is None:
        return facts
    return {**facts, "again_on": (asked + timedelta(days=policy.min_gap_days)).isoformat()}


def facts_from(detail: str) -> Facts:
    """The facts of a line of the list as they were written down: ``since=2026-10-01; from=2027-01-01``."""
    pairs = (part.partition("=") for part in detail.split("; "))
    return {name: value for name, _, value in pairs if value and value != "None"}


@dataclass(frozen=True, slots=True)
class NextStep:
    """What comes next for one respondent. ``step``: a letter, ``closing``, ``call``, or "" when nothing does.

    ``why``: "" as planned, ``hold`` or ``snoozed`` while the person is left in peace, ``paused``, ``approval``.
    """

    step: str
    on: date | None = None
    why: str = ""


def next_step(
    plan: Plan | None,
    stage: str,
    touches: Mapping[str, str],
    skipped: Sequence[str],
    *,
    approved: bool,
    today: date,
    hold_until: date | None = None,
    snoozed_until: date | None = None,
    due: date | None = None,
) -> NextStep:
    """The next step for a respondent without an outcome, with its day in the portal (product.md W15).

    ``touches``: step -> ISO moment; ``due``: the day the machine looks at this person next.
    """
    if plan is None or stage in ("closed", "cancelled"):
        return NextStep("")
    names = step_names(plan)
    done = {*touches, *skipped}
    step = next((name for name in names if name not in done), "closing")
    if not approved:
        return NextStep("announcement", plan.announce, "approval")
    if stage == "paused":
        return NextStep(step, None, "paused")
    if snoozed_until and snoozed_until > today and AFTER_SNOOZE not in touches:
        return NextStep(
            AFTER_SNOOZE if step == "closing" else step, max(snoozed_until, due or today), "snoozed"
        )
    if hold_until and hold_until > today:
        day = max(hold_until, due or today)
        return (
            NextStep(step, day, "hold") if day < plan.closing else NextStep("closing", plan.closing, "hold")
        )
    planned = planned_days(plan).get(step, plan.closing)
    return NextStep(step, max(planned, due) if due and step != "closing" else planned)


def planned_days(plan: Plan) -> dict[str, date]:
    """Step -> its planned day, the portal's."""
    days = {"announcement": plan.announce, "invitation": plan.mailing, "closing": plan.closing}
    return days | {f"reminder_{number}": day for number, day in enumerate(plan.reminders, start=1)}


def may_record(
    stage: str, outcome: str, status: str, *, approved: bool, revoked: bool, preliminary: bool = False
) -> bool:
    """Whether an answer given by word of mouth can be recorded for an invitation (product.md W17).

    The wave runs, or is closed with a ``preliminary`` result (W14), as long as links live (S6); nobody counted an
    answer, and the person has not said "never" and was not taken out.
    """
    ends = stage not in RECORDABLE and not (stage == "closed" and preliminary)
    if not approved or revoked or ends or status == "counted":
        return False
    return outcome not in ("answered", "opted_out", "excluded")


def _day(value: object) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if not isinstance(value, str):
        return None
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None
