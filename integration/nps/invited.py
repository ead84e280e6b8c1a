"""A wave and one respondent in it, as the rules of letters and of calls see them (product.md W)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from .attempts import Call, CallsOver
from .intents import Facts, Outcome, WaveStage
from .people import ClientKey, Exclusion
from .plans import Plan

DONE_STAGES: tuple[WaveStage, ...] = ("closed", "cancelled")


@dataclass(frozen=True, slots=True)
class WaveState:
    """A wave as the machine sees it. ``approved_by`` empty: nothing may be sent (product.md W2).

    ``paused_from``: the stage to return to; ``ended_by``/``why``: who cancelled or closed it early;
    ``owner_tasks``: kinds already created.
    """

    id: int
    name: str
    stage: WaveStage
    plan: Plan
    approved_by: str = ""
    paused_from: WaveStage | None = None
    ended_by: str = ""
    why: str = ""
    owner_tasks: frozenset[str] = frozenset()

    @property
    def running(self) -> bool:
        """Approved, and neither paused nor over."""
        return bool(self.approved_by) and self.stage not in ("paused", *DONE_STAGES)


@dataclass(frozen=True, slots=True)
class InvitationFacts:
    """One respondent in one wave.

    ``touches``: step -> moment its letter was queued, UTC; ``skipped``: steps already marked overtaken;
    ``last_letter_at``: the last letter to this *person*, of any kind; ``held``: an answer not proven human,
    which counts as silence; ``sender``, ``address``, ``facts``: for the letters. ``gone_at``: since when the card of
    the person or of the client is not there any more, UTC; ``trouble``: the rule that holds the client today
    (``trouble_stage``, ``critical_task``, ``open_follow_up``), without an end that anybody knows (product.md E5).
    ``unreachable``: there is no address that works; such a person can still be called.

    Calls (product.md W7), all UTC: ``phone``: the number, empty: none; ``calls``: attempts in order, without those
    taken back; ``calls_over``: why there will be none, as recorded; ``promised_at``: a call-back to the minute;
    ``mail_from``: asked for an e-mail instead, at this moment; ``in_hand_until``: a caller has the person on the line;
    ``revoked``: the personal link was withdrawn, so nobody asks; ``same_number``: the number is that of somebody else
    on the list, who is called on it, and no number is called twice (E3).
    """

    id: int
    client: ClientKey
    contact_id: int
    address: str = ""
    zone: str = "UTC"
    language: str = "en"
    sender: str = ""
    facts: Facts = field(default_factory=dict)
    touches: Mapping[str, datetime] = field(default_factory=dict)
    skipped: frozenset[str] = frozenset()
    last_letter_at: datetime | None = None
    answered: bool = False
    held: bool = False
    refused: bool = False
    opted_out: bool = False
    excluded: Exclusion | None = None
    unreachable: bool = False
    snoozed_until: datetime | None = None
    hold_until: date | None = None
    gone_at: datetime | None = None
    trouble: str = ""
    outcome: Outcome | None = None
    phone: str = ""
    calls: tuple[Call, ...] = ()
    calls_over: CallsOver = ""
    promised_at: datetime | None = None
    mail_from: datetime | None = None
    in_hand_until: datetime | None = None
    revoked: bool = False
    same_number: bool = False
