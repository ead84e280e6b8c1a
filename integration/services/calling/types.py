"""What the call desk shows and takes; plain values and codes, no words (product.md W7 to W10).

Moments are aware UTC unless a field says otherwise. The page chooses the words by code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from integration.services.questions import Field

Status = Literal["done", "again", "lost", "late", "problem"]
Source = Literal["desk", "partner", "sheet"]
LINK = "link:"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sits at the desk, proven before. `holder`: `user:5`, or `link:3` of a call centre; `name`: as acts are
    recorded; `wave_id`: the one survey a link is for, None: all of the portal; `language`: of the desk's own words.
    """

    portal_id: int
    holder: str
    name: str
    wave_id: int | None = None
    language: str = "en"
    user_id: int | None = None

    @property
    def partner(self) -> bool:
        """Somebody of a call centre, who is shown only what is needed (product.md W9)."""
        return self.holder.startswith(LINK)

    @property
    def source(self) -> Source:
        """Where an attempt of this caller comes from."""
        return "partner" if self.partner else "desk"


@dataclass(frozen=True, slots=True)
class Script:
    """What is said, finished, in the client's language; a part that has nothing to name is empty (product.md W20).

    `version` goes with the answer (W13). `hello` greets and says who calls, `about` names the service and the people,
    `question` asks, `low` and `high` are the ends of the scale, `comment` asks why, `thanks` ends an answered call,
    `later` is for who has no time, `mail` for who wants a letter, `refusal` for who does not want to, `never` for who
    does not want to be asked again, `colleague` for whoever else picks up.
    """

    language: str
    version: str
    hello: str
    about: str
    question: str
    low: str
    high: str
    comment: str
    thanks: str
    later: str
    mail: str
    refusal: str
    never: str
    colleague: str


@dataclass(frozen=True, slots=True)
class EarlierCall:
    """One attempt before this one. `local`: when, in the client's zone; `mine`: by this caller."""

    number: int
    outcome: str
    at: datetime
    local: datetime
    note: str
    caller: str
    call_back_local: datetime | None = None
    mine: bool = False


@dataclass(frozen=True, slots=True)
class QuickTime:
    """A moment for a call-back by one click: `hour` (in an hour), `afternoon`, `morning` (of the next working day).

    `local`: naive, in the client's zone, as a field for date and time takes it.
    """

    code: str
    local: datetime


@dataclass(frozen=True, slots=True)
class HeldAnswer:
    """An answer of this person that was not proven human and counts nowhere yet (product.md S1)."""

    score: int
    comment: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CardShown:
    """The client in the caller's hands. `key`: of the reservation, goes with every post about this client.

    `phone`: as people of its country write it, `tel`: E.164 for a link; `local_time`: now in the client's zone;
    `until`: the end of the allowed hours there; `lease_until`: when the client is given back unless the page says it
    is still open. `email`: empty if none is known, masked for a call centre. `client_kind`, `client_id`: the card in
    the portal; 0 for a call centre, which is told no other answers either (`held` None). `outcome`: the person has
    one meanwhile (answered by the letter, taken off the list), so the call is not needed any more; else empty.
    """

    key: str
    invitation_id: int
    wave: str
    client: str
    person: str
    role: str
    phone: str
    tel: str
    country: str
    city: str
    zone: str
    local_time: datetime
    until: datetime | None
    taken_at: datetime
    lease_until: datetime
    language: str
    scripts: Mapping[str, Script]
    number: int
    most: int
    earlier: tuple[EarlierCall, ...]
    promised: datetime | None
    promised_local: datetime | None
    quick: tuple[QuickTime, ...]
    hours: tuple[int, int]
    email: str
    shared: bool = False
    held: HeldAnswer | None = None
    client_kind: str = ""
    client_id: int = 0
    outcome: str = ""
    questions: tuple[Field, ...] = ()  # extra ones, in the client's language (W13)

    @property
    def script(self) -> Script:
        """The wording in the client's own language."""
        return self.scripts[self.language]

    @property
    def wording(self) -> str:
        """The versions of the words that are shown, for the form to carry (product.md W13)."""
        return " ".join(one.version for one in self.scripts.values())


@dataclass(frozen=True, slots=True)
class Opening:
    """When somebody can be called next. `local`: that moment there; `city` may be empty; `count`: how many then."""

    at: datetime
    local: datetime
    zone: str
    city: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Waiting:
    """Who waits to be called. `now`: at this moment, in nobody's hands and not this caller's own; `promised`:
    call-backs that were promised for later; `later`: others whose time comes; `held`: in the hands of others; `own`:
    this caller serves them, so a colleague calls (product.md W10); `stale`: those of `later` whose next moment is still
    to be worked out. `wave`: the survey that is called for, or was last.
    """

    now: int = 0
    promised: int = 0
    later: int = 0
    held: int = 0
    own: int = 0
    next_promise: Opening | None = None
    opens: Opening | None = None
    stale: int = 0
    wave_id: int | None = None
    wave: str = ""


Why = Literal[
    "", "suspended", "no_survey", "not_begun", "paused", "over", "own_only", "in_hands", "later", "all_done"
]


@dataclass(frozen=True, slots=True)
class Tally:
    """What one caller has done since a moment. `reached`: somebody spoke; `promises`: call-backs agreed."""

    calls: int = 0
    reached: int = 0
    answers: int = 0
    refusals: int = 0
    promises: int = 0
    mailed: int = 0


@dataclass(frozen=True, slots=True)
class LastCall:
    """The caller's last recorded call. `undo_until`: None when it cannot be taken back any more."""

    attempt_id: int
    client: str
    person: str
    outcome: str
    score: int | None
    at: datetime
    undo_until: datetime | None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class DeskPage:
    """The desk as it is now. `card` None: no client in hand; `why` then says why nobody can be taken, "" if somebody
    can. `begins`: the day calling starts, where it has not begun yet, as a moment."""

    card: CardShown | None
    waiting: Waiting
    tally: Tally
    last: LastCall | None
    why: Why = ""
    begins: datetime | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """A client just given out, as the log of views keeps it (product.md W9)."""

    key: str
    invitation_id: int
    wave_id: int


@dataclass(frozen=True, slots=True)
class Made:
    """One call as somebody made it. `key`: what makes it unique in its portal; `at`: when it ended; `started_at`:
    when it began, if that is known; `values`: everything that was posted, for questions of the agency's own."""

    key: str
    outcome: str
    at: datetime
    holder: str
    name: str
    source: Source = "desk"
    score: int | None = None
    comment: str = ""
    call_back_at: datetime | None = None
    note: str = ""
    phone: str = ""
    started_at: datetime | None = None
    wording: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a call that was posted.

    `done`; `again`: it was recorded before, nothing has changed; `late`: recorded although the client had been given
    back; `lost`: it changes nothing, `why` says why: `unknown` (no such reservation), `others` (a colleague has the
    client now), `answered`, `refused`, `excluded`, `opted_out`, … (what the person's outcome is meanwhile), `over`
    (the survey); with an `attempt_id` the call itself is on record. `problem`: nothing is recorded, `problems` are
    pairs of a field and a code.
    """

    status: Status
    problems: tuple[tuple[str, str], ...] = ()
    attempt_id: int | None = None
    why: str = ""
    outcome: str = ""
    client: str = ""
    person: str = ""
    score: int | None = None
