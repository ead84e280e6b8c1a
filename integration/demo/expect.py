"""What the portal ought to hold after the year: from the story and from what its people did, nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from . import settings
from .days import Office, local_day
from .eligible import Asked, Verdict
from .ground import Card, Ground
from .people import Deed


@dataclass(frozen=True)
class Score:
    """What stands on a card. ``answers``: how many people answered for this client."""

    score: int
    group: str
    day: date
    comment: str
    channel: str = "email"
    answers: int = 1


@dataclass(frozen=True)
class Note:
    """A timeline comment: on which card, about which score and words; or about ``choice``, ``later`` or ``never``,
    of a ``person``."""

    card: Card
    score: int
    comment: str
    choice: str = ""
    person: str = ""


@dataclass(frozen=True, order=True)
class Duty:
    """A follow-up task: of which client, about whom, whose, until when. ``score`` -1: not about one score."""

    client: Card
    contact: int
    deal: int
    kind: str
    owner: int
    day: date
    watched: bool
    score: int


@dataclass(frozen=True)
class Calendar:
    """Days of the wave."""

    listed: date
    announced: date
    called: date
    mailed: date
    reminders: tuple[date, ...]
    closing: date


@dataclass
class Expected:
    """Everything the comparison looks at. ``letters``: address → days of announcement and questions."""

    verdicts: list[Verdict]
    letters: dict[str, list[tuple[str, date]]] = field(default_factory=dict)
    scores: dict[Card, Score] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    duties: list[Duty] = field(default_factory=list)
    opted_out: set[int] = field(default_factory=set)
    clients: dict[Card, int] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def eligible(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if not verdict.reason]


#: Deeds after which nobody asks any more, the weightiest first.
STOPS = ("answered", "opted_out", "refused")
#: Deeds of which the client's card is told, beside answers.
CHOICES = {"postponed": "later", "opted_out": "never"}


def wave_days(office: Office, year: int, listed: date) -> Calendar:
    """The wave's days by the settings, moved to working days, letters at least three days apart."""
    start = office.working(date(year, settings.WAVE_MONTH, settings.WAVE_DAY))
    announced = office.working(start - timedelta(days=settings.ANNOUNCE_DAYS))
    mailed = office.working(start + timedelta(days=settings.CALLING_DAYS))
    reminders: list[date] = []
    for days in settings.REMINDER_DAYS:
        before = reminders[-1] if reminders else mailed
        reminders.append(office.working(max(mailed + timedelta(days=days), before + timedelta(days=3))))
    closing = office.working(reminders[-1] + timedelta(days=settings.CLOSING_DAYS))
    return Calendar(listed, announced, start, mailed, tuple(reminders), closing)


def group_of(score: int) -> str:
    """The group of a score."""
    return "promoter" if score >= 9 else "passive" if score >= 7 else "detractor"


def expect(
    ground: Ground, verdicts: list[Verdict], deeds: Iterable[Deed], days: Calendar, office: Office
) -> Expected:
    """``deeds`` in the order in which they happened."""
    expected = Expected(verdicts)
    by_address: dict[str, list[Deed]] = {}
    for deed in deeds:
        by_address.setdefault(deed.address, []).append(deed)
    for verdict in expected.eligible:
        for asked in verdict.asked:
            mine = by_address.get(asked.key, [])
            if asked.address:
                letters = letters_for(mine, days, office, thanked=not asked.shared)
                expected.letters[asked.address] = [(kind, local_day(at)) for kind, at in letters]
            outcome = outcome_of(mine, days, office)
            silent = outcome == "no_answer" and not asked.address
            expected.outcomes["unreachable" if silent else outcome] += 1
            if any(deed.kind == "opted_out" for deed in mine):
                expected.opted_out.add(asked.contact)
            for deed in mine:
                if choice := CHOICES.get(deed.kind):
                    name = ground.name_of(asked.contact)
                    expected.notes.append(Note(verdict.card, -1, "", choice, name))
        _client(expected, ground, verdict, by_address, office)
    return expected


def letters_for(
    deeds: list[Deed], days: Calendar, office: Office, *, thanked: bool = True
) -> list[tuple[str, datetime]]:
    """An announcement to everybody, questions until there is an answer or a refusal, thanks for the answer.

    With the moments at which they may leave at the earliest. Thanks do not go to a mailbox that many read.
    """
    stopped = min((deed.at for deed in deeds if deed.kind in STOPS), default=None)
    later = next((deed.at for deed in deeds if deed.kind == "postponed"), None)
    found = [("announcement", office.opening(days.announced))]
    for moment in _asking(deeds, days, office):
        if (stopped and stopped <= moment) or (later and later <= moment):
            continue
        found.append(("question", moment))
    if later:
        again = office.allowed(later + timedelta(days=settings.SNOOZE_DAYS))
        if again < office.opening(days.closing) and not (stopped and stopped <= again):
            found.append(("question", again))
    return [*found, *(_thanks(deeds, found, office) if thanked else [])]


def _asking(deeds: list[Deed], days: Calendar, office: Office) -> list[datetime]:
    """When a silent person is asked and reminded. Whoever asked a caller for it gets the letter at once, whoever had no
    time a week after that; reminders count from the letter."""
    wanted = next((deed.at for deed in deeds if deed.kind == "asked_mail"), None)
    busy = max((deed.at for deed in deeds if deed.kind == "not_now"), default=None)
    first = office.opening(days.mailed)
    if wanted is not None:
        first = office.allowed(wanted)
    elif busy is not None:
        first = office.allowed(max(first, busy + timedelta(days=settings.NOT_NOW_DAYS)))
    moments = [first]
    for days_later, planned in zip(settings.REMINDER_DAYS, days.reminders, strict=True):
        own = local_day(first) + timedelta(days=days_later)
        day = own if wanted is not None else max(planned, own)
        moments.append(
            max(office.opening(day), office.allowed(moments[-1] + timedelta(days=settings.GAP_DAYS)))
        )
    return [moment for moment in moments if moment < office.opening(days.closing)]


def _thanks(
    deeds: list[Deed], sent: list[tuple[str, datetime]], office: Office
) -> list[tuple[str, datetime]]:
    """One letter in the words of the answer that stood when it left, hours after it and days after the last letter."""
    waiting: tuple[str, datetime] | None = None
    for deed in sorted(
        (one for one in deeds if one.kind in ("answered", "corrected")), key=lambda one: one.at
    ):
        group = "phone" if deed.channel == "phone" else group_of(deed.score)
        if waiting is not None and (waiting[1] <= deed.at or waiting[0] == group):
            continue
        last = max(at for _, at in sent if at <= deed.at)
        after = max(
            deed.at + timedelta(hours=settings.THANKS_HOURS), last + timedelta(days=settings.GAP_DAYS)
        )
        waiting = (group, office.allowed(after))
    return [(f"thanks_{waiting[0]}", waiting[1])] if waiting is not None else []


def outcome_of(deeds: list[Deed], days: Calendar, office: Office) -> str:
    """How the wave ends for one person: an answer goes before a refusal, a refusal before silence."""
    kinds = {deed.kind for deed in deeds}
    for kind in STOPS:
        if kind in kinds:
            return kind
    later = next((deed.at for deed in deeds if deed.kind == "postponed"), None)
    until = later + timedelta(days=settings.SNOOZE_DAYS) if later else None
    return "postponed" if until and until >= office.opening(days.closing) else "no_answer"


@dataclass(frozen=True)
class _Said:
    asked: Asked
    score: int
    comment: str
    first: datetime
    last: datetime
    channel: str


def _client(
    expected: Expected, ground: Ground, verdict: Verdict, deeds: dict[str, list[Deed]], office: Office
) -> None:
    """One client's answers in the order of time: each writes notes and duties; the last state stands."""
    said: dict[int, _Said] = {}
    quarrelled = False
    people = {asked.key: asked for asked in verdict.asked}
    spoken = [d for address in people for d in deeds.get(address, []) if d.kind in ("answered", "corrected")]
    for deed in sorted(spoken, key=lambda one: one.at):
        asked = people[deed.address]
        before = said.get(asked.contact)
        if before is not None and (before.score, before.comment) == (deed.score, words(deed.comment)):
            continue  # the same once more changes nothing
        said[asked.contact] = _Said(
            asked, deed.score, words(deed.comment), before.first if before else deed.at, deed.at,
            before.channel if before else deed.channel,
        )  # fmt: skip
        for card in (("deal", verdict.deals[0]), verdict.card):
            expected.notes.append(Note(card, deed.score, words(deed.comment)))
        if before is None or group_of(before.score) != group_of(deed.score):
            expected.duties.append(_duty(ground, verdict, asked, group_of(deed.score), deed, office))
        else:
            _told_anew(expected, asked, deed)
        if not quarrelled and _quarrel([one.score for one in said.values()]):
            quarrelled = True
            expected.duties.append(_duty(ground, verdict, asked, "disagreement", deed, office))
    _scores(expected, verdict, list(said.values()))


def _told_anew(expected: Expected, asked: Asked, deed: Deed) -> None:
    """A correction within the group: the task that is there names the score of now (product.md S3)."""
    for place, duty in enumerate(expected.duties):
        if (duty.contact, duty.kind) == (asked.contact, group_of(deed.score)):
            expected.duties[place] = replace(duty, score=deed.score)


def words(comment: str) -> str:
    """A comment as it is kept."""
    return comment.strip()


def _quarrel(scores: list[int]) -> bool:
    low, high = min(scores), max(scores)
    return high - low >= settings.SPREAD and group_of(low) != group_of(high)


def _scores(expected: Expected, verdict: Verdict, said: list[_Said]) -> None:
    if not said:
        return
    deciding = [one for one in said if one.asked.role == "decides"]
    worst = min(deciding or said, key=lambda one: (one.score, -one.first.timestamp(), one.asked.contact))
    cards: list[Card] = [("deal", deal) for deal in verdict.deals]
    for card in [*cards, verdict.card]:
        expected.scores[card] = _score(worst, len(said))
    for one in said:
        expected.scores["contact", one.asked.contact] = _score(one, 1)
    expected.clients[verdict.card] = worst.score


def _score(one: _Said, answers: int) -> Score:
    day = local_day(one.first)
    return Score(one.score, group_of(one.score), day, one.comment, one.channel, answers=answers)


def _duty(ground: Ground, verdict: Verdict, asked: Asked, kind: str, deed: Deed, office: Office) -> Duty:
    owner = _owner(ground, verdict, kind != "promoter")
    watched = kind in ("detractor", "disagreement") and owner != settings.policy()["head_user_id"]
    return Duty(
        client=verdict.card,
        contact=asked.contact,
        deal=verdict.deals[0],
        kind=kind,
        owner=owner,
        day=office.due_day(deed.at, settings.DEADLINES[kind]),
        watched=watched,
        score=-1 if kind == "disagreement" else deed.score,
    )


def _owner(ground: Ground, verdict: Verdict, critical: bool) -> int:
    """F3: the director of the branch, else the heads above the manager, else the default, else the head."""
    rules = settings.policy()
    candidates = [rules["director_by_city"].get(verdict.city, 0), *_heads(ground, verdict.manager)]
    candidates += [rules["default_owner"], rules["head_user_id"]]
    for user in candidates:
        if ground.active(user) and not (critical and user == verdict.manager):
            return int(user)
    return verdict.manager


def _heads(ground: Ground, manager: int) -> list[int]:
    """Heads of the manager's department and of those above it."""
    found: list[int] = []
    level = [int(one) for one in ground.users.get(manager, {}).get("UF_DEPARTMENT") or ()]
    while level:
        rows = [ground.departments[one] for one in level if one in ground.departments]
        found += [
            int(row["UF_HEAD"]) for row in rows if row.get("UF_HEAD") and int(row["UF_HEAD"]) != manager
        ]
        level = [int(row["PARENT"]) for row in rows if row.get("PARENT")]
    return found


def net(scores: Iterable[int]) -> float | None:
    """100 · (promoters − detractors) / answers, by client."""
    groups = [group_of(score) for score in scores]
    if not groups:
        return None
    return round(100 * (groups.count("promoter") - groups.count("detractor")) / len(groups), 4)
