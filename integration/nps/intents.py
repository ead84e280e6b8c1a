"""What the rules want done. ``services/writeback`` turns each into letters, rows and REST calls.

Every moment is an aware UTC datetime, every day a portal's calendar day. ``facts`` hold JSON values
only; texts are chosen later by code and language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, TypeAlias

from .people import CardKey, Channel, ClientKey, Group

Fact: TypeAlias = str | int | float | bool | list[str] | list[int] | None
Facts: TypeAlias = Mapping[str, Fact]

LetterKind = Literal[
    "announcement",
    "invitation",
    "reminder",
    "last_reminder",
    "project_invitation",
    "project_reminder",
    "thanks_detractor",
    "thanks_passive",
    "thanks_promoter",
    "thanks_phone",
    "test",
]
Outcome = Literal[
    "answered",
    "refused",
    "opted_out",
    "excluded",
    "postponed",
    "unreachable",
    "no_answer",
    "closed_early",
]
FollowUpKind = Literal[
    "detractor_meeting",
    "passive_call",
    "promoter_thanks",
    "silent_check",
    "disagreement",
    "direct_line",
]
WaveStage = Literal[
    "draft",
    "rehearsed",
    "announced",
    "calling",
    "mailing",
    "reminders",
    "closing",
    "closed",
    "paused",
    "cancelled",
]
OwnerTaskKind = Literal["plan_wave", "approve_wave_28", "approve_wave_21"]
ReferralProblemCode = Literal[
    "self_referral", "own_contact", "own_company", "same_person", "cycle", "removed"
]


@dataclass(frozen=True, slots=True)
class SendLetter:
    """One letter to one person; ``step`` makes it unique per invitation, ``late`` is kept on the touch.

    ``facts`` lack the links: those carry unguessable tokens and are added where they are made.
    """

    letter: LetterKind
    step: str
    client: ClientKey
    contact_id: int
    address: str
    language: str
    sender: str
    facts: Facts = field(default_factory=dict)
    invitation_id: int | None = None
    late: bool = False


@dataclass(frozen=True, slots=True)
class WriteScore:
    """Score fields of one card (product.md B2). ``respondents``: how many answers stand behind it."""

    card: CardKey
    score: int
    group: Group
    day: date
    comment: str
    wave: str
    channel: Channel
    respondents: int = 1


@dataclass(frozen=True, slots=True)
class AddTimelineComment:
    """A comment in the timeline of a card (product.md B3); ``code`` names the text."""

    card: CardKey
    code: Literal["answer", "correction", "later", "never"]
    facts: Facts


@dataclass(frozen=True, slots=True)
class OpenFollowUp:
    """A task for a person (product.md F1 to F4). ``deadline`` UTC; ``creator``: the head, if any."""

    kind: FollowUpKind
    client: ClientKey
    deal_id: int | None
    contact_id: int | None
    owner: int
    observers: tuple[int, ...]
    creator: int | None
    deadline: datetime
    checklist: tuple[str, ...]
    facts: Facts
    owner_by: str = ""
    response_id: int | None = None
    message_id: int | None = None  # of the direct line


@dataclass(frozen=True, slots=True)
class Remind:
    """An overdue follow-up: tell its owner, once (product.md F4)."""

    follow_up_id: int
    owner: int


@dataclass(frozen=True, slots=True)
class Escalate:
    """A follow-up still overdue after the reminder: tell the head, once (product.md F4)."""

    follow_up_id: int
    to: int
    owner: int


@dataclass(frozen=True, slots=True)
class WriteReferral:
    """Referral fields to fill on one card; None leaves a field as it is (product.md R1, R2, B5).

    ``clear``: names of fields (``source``, ``referrer``, ``day``) whose entry was ours and holds no more.
    """

    card: CardKey
    source: str | None = None
    referrer: ClientKey | None = None
    day: date | None = None
    source_id: str | None = None
    clear: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FlagReferral:
    """A claim that was refused, for people to see (product.md R4); ``chain`` runs from claim to root."""

    card: CardKey
    code: ReferralProblemCode
    chain: tuple[ClientKey, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """The final outcome of one invitation (product.md W14)."""

    invitation_id: int
    outcome: Outcome
    detail: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SkipStep:
    """A planned touch that was overtaken; it is named, never sent afterwards (product.md W2)."""

    invitation_id: int
    step: str
    why: str


@dataclass(frozen=True, slots=True)
class MoveStage:
    """The wave enters a stage; ``late`` if the planned day has passed, ``skipped`` are overtaken stages."""

    wave_id: int
    to: WaveStage
    late: bool = False
    skipped: tuple[WaveStage, ...] = ()


@dataclass(frozen=True, slots=True)
class CloseWave:
    """Every respondent has a final outcome: close; results stay preliminary until ``frozen_on``."""

    wave_id: int
    frozen_on: date
    late: bool = False


@dataclass(frozen=True, slots=True)
class CreateOwnerTask:
    """A task or reminder for the owner of a planned wave (product.md W2)."""

    wave_id: int
    kind: OwnerTaskKind
    deadline: datetime
    late: bool = False


Intent: TypeAlias = (
    SendLetter
    | WriteScore
    | AddTimelineComment
    | OpenFollowUp
    | Remind
    | Escalate
    | WriteReferral
    | FlagReferral
    | RecordOutcome
    | SkipStep
    | MoveStage
    | CloseWave
    | CreateOwnerTask
)
