"""What the tab of a card is told; plain values and codes, no words (product.md E4, W15, B2, R7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from integration.nps.holds import HoldNow
from integration.nps.intents import WriteScore
from integration.nps.people import CardKey, ClientKey, Group
from integration.nps.standing import Action, Denial, NextStep, Standing
from integration.services.questions import ExtraSaid
from integration.services.referral_lines import Leaf, Line
from integration.services.referral_tree import Tree
from integration.services.survey_types import Extra

NO_QUESTIONS = Extra()


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an answer. `author` "client" is the client; `at` UTC."""

    revision: int
    score: int
    comment: str
    status: str
    flag: str
    author: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Said:
    """What one person answered in one survey. `status`: counted | held | rejected; `recorded_by` "client" or staff.

    `versions` are all of them, oldest first; `revision` the one that stands.
    """

    response_id: int
    contact_id: int
    name: str
    role: str
    score: int
    group: Group
    comment: str
    channel: str
    at: datetime
    status: str
    held_reason: str
    recorded_by: str
    revision: int
    own: bool = False
    versions: tuple[Version, ...] = ()
    extra: tuple[ExtraSaid, ...] = ()


@dataclass(frozen=True, slots=True)
class Year:
    """One survey with this client's value by the account rule (None: nobody's answer counts). `on`: its day."""

    wave: str
    imported: bool
    on: date
    score: int | None
    group: Group | None
    people: int
    spread: int
    said: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class LetterLine:
    """One letter of an invitation: `sent`, `waiting`, `failed`, `unknown` (its fate), `cancelled`."""

    kind: str
    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AskedPerson:
    """One respondent of the survey that runs: letters so far, the outcome or what comes next."""

    invitation_id: int
    contact_id: int
    name: str
    role: str
    shared: bool
    outcome: str
    outcome_at: datetime | None
    snoozed_until: datetime | None
    letters: tuple[LetterLine, ...]
    next: NextStep
    held: bool
    recordable: bool


@dataclass(frozen=True, slots=True)
class Member:
    """A person of the client. `said_at`, `source`: when and how this person said "never", if we were told."""

    contact_id: int
    name: str
    role: str
    opted_out: bool
    said_at: datetime | None
    source: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """A follow-up with its task in the portal. `state`: open | task_done | closed | cancelled."""

    kind: str
    owner: str
    owner_id: int
    deadline: datetime
    state: str
    overdue: bool
    task_id: int | None


@dataclass(frozen=True, slots=True)
class Difference:
    """The card shows another score than ours. `on_card` None: nothing; `state`: edited | pending | failed."""

    on_card: int | None
    ours: WriteScore
    state: str


@dataclass(frozen=True, slots=True)
class Referrer:
    """Who brought this client. `name` empty: not one of the viewer's clients; `card` None: no card is named."""

    source: str
    card: CardKey | None
    name: str
    day: date | None


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """What one card says about how the client came. `counts`: this is what counts now."""

    card: CardKey
    source: str
    referrer: CardKey | None
    name: str
    day: date
    counts: bool


@dataclass(frozen=True, slots=True)
class Came:
    """How the client of a card came, for the part of the tab that asks who recommended it (product.md R3, R4, R7).

    `target`: the card an entry goes to. `named`: whom people named, `client` whom that counts for where it is another
    card (the company of a person, the survivor of a merge). `problem` with `chain`: why the one named cannot stand.
    `settled_by`: rule | person. `on_its_way`: an entry has not arrived on the card yet. `sources`: code and the
    agency's own name (empty for the usual ones). `asks`: a name is missing.
    """

    newcomer: CardKey
    target: CardKey
    source: str = ""
    named: CardKey | None = None
    name: str = ""
    client: CardKey | None = None
    client_name: str = ""
    day: date | None = None
    settled_by: str = "rule"
    settled_who: str = ""
    settled_note: str = ""
    problem: str = ""
    chain: tuple[tuple[CardKey, str], ...] = ()
    claims: tuple[ClaimLine, ...] = ()
    on_its_way: bool = False
    sources: tuple[tuple[str, str], ...] = ()
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Brought:
    """Whom a client brought (product.md R6, R7). `lines`: directly, the oldest first; `leaves`: the whole tree, depth
    first, the direct ones among them; `tree`: its sums, in the portal's currency."""

    lines: tuple[Line, ...]
    leaves: tuple[Leaf, ...]
    tree: Tree

    def below(self, line: Line) -> tuple[Leaf, ...]:
        """Whom somebody brought in turn."""
        found: list[Leaf] = []
        inside = False
        for leaf in self.leaves:
            if leaf.node.depth == 1:
                inside = leaf.node.id == line.id
            elif inside:
                found.append(leaf)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of what happened, `at` UTC. `facts` are for the words of `code`."""

    at: datetime
    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PersonalLink:
    """The link of one respondent of the survey that runs. `url` empty: it was ended, or is of no use any more."""

    url: str
    revoked: bool


@dataclass(frozen=True, slots=True)
class Links:
    """What the tab offers to copy. `direct`: of the direct line, empty if no letter has named it yet; `direct_on`: the
    agency has not switched it off; `personal`: by invitation."""

    direct: str
    direct_on: bool
    personal: Mapping[int, PersonalLink]


@dataclass(frozen=True, slots=True)
class CardView:
    """Everything the tab shows. `client` None: nobody to ask behind this card. Moments UTC, days the portal's.

    `brought`: None for a card that is no client's; `own`: the client's own referral with step, thanks and reward.
    `years`: surveys with an answer, the youngest first. `why_not`: for each act why the viewer may not do it;
    an act that is missing there is allowed.
    """

    card: CardKey
    client: ClientKey | None
    title: str
    city: str
    manager: str
    since: date | None
    since_source: str
    today: date
    time_zone: str
    years: tuple[Year, ...]
    standing: Standing | None
    asked: tuple[AskedPerson, ...]
    wave_start: date | None
    hold: HoldNow | None
    members: tuple[Member, ...]
    tasks: tuple[Task, ...]
    difference: Difference | None
    referrer: Referrer | None
    came: Came | None
    brought: Brought | None
    own: Line | None
    events: tuple[Event, ...]
    why_not: Mapping[Action, Denial]
    links: Links | None = None
    questions: Extra = NO_QUESTIONS  # the extra ones of today, for an answer that staff write down
