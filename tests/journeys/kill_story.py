"""A whole wave whose workers and web processes are killed on the way, and what must be true of it all the same.

People behave as people: they send an answer again when the page broke, press a button again, and look up in the mail
server's record what became of a letter of unknown fate.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import pairwise
from multiprocessing.connection import wait as any_of
from random import Random
from typing import Any

from sqlalchemy import select

from integration.nps.scoring import group
from integration.services import health, letters, waves
from integration.store.attempts import Attempt, CallLease
from integration.store.base import reading
from integration.store.followups import FollowUp
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.responses import Response
from integration.store.waves import Invitation, Wave, WaveEvent
from tests.journeys.kill_points import plan
from tests.journeys.kill_world import CALLER, Parts, Process, address, clients, telephones, together

SCORE, LINK = "UF_CRM_MOLVA_NPS_SCORE", "UF_CRM_MOLVA_SURVEY_URL"


@dataclass
class Killed(Parts):
    """The wave, its processes and what people did in it. `count`: of clients."""

    seed: int = 0
    count: int = 0
    wave_id: int = 0
    said: dict[int, tuple[int, str]] = field(default_factory=dict)  # client -> what counts in the end
    first: dict[int, int] = field(default_factory=dict)  # client -> the score before staff corrected it
    early: set[int] = field(default_factory=set)  # who answered before they were reminded
    phoned: set[int] = field(default_factory=set)  # who answered by phone, before any letter asked
    told: Any = None  # what the last thing that somebody did came to
    unknown: int = 0

    # --- time and work

    def work(self, *acts: tuple[Any, ...]) -> None:
        """Everything due at this moment, while people do these things; whoever dies over it goes on afterwards."""
        acts_left = list(acts)
        idle: set[int] = set()
        at: dict[Any, tuple[Process, Any]] = {}
        for _ in range(10_000):
            now = self.there.clock.now()
            for number, worker in enumerate(self.workers):
                if worker.line not in at and (number not in idle or acts_left):
                    worker.tell(("work", now, ()))
                    at[worker.line] = (worker, number)
            if acts_left and self.web.line not in at:
                verb, *given = acts_left[0]
                self.web.tell((verb, now, tuple(given)))
                at[self.web.line] = (self.web, None)
            if not at:
                return
            for line in any_of(list(at)):
                self._ended(*at.pop(line), acts_left, idle)
        raise AssertionError("never done")

    def _ended(self, process: Process, number: int | None, acts: list[Any], idle: set[int]) -> None:
        state, told = process.heard()
        assert state != "failed", told
        if state == "done" and number is None:
            self._done(acts.pop(0), told)
        elif number is not None:
            (idle.discard if state == "dead" or told else idle.add)(number)

    def _done(self, act: tuple[Any, ...], told: Any) -> None:
        self.told = told
        if act[0] == "answer":
            assert told == "counted", (act, told)
        if act[0] == "correct":
            assert told == "done", (act, told)

    def until(self, moment: datetime) -> None:
        """From one due moment to the next; letters of unknown fate are looked up in the mail server's record."""
        while True:
            self.work()
            if self._decide():
                continue
            now, due = self.there.clock.now(), health.next_due(self.there.deps)
            if due is not None and due <= moment:
                self.to(max(due, now) + timedelta(seconds=1))
            elif now < moment:
                self.to(moment)
            else:
                return

    def to(self, moment: datetime) -> None:
        """Time passes, for the portal too."""
        self.there.clock.advance((moment - self.there.clock.now()).total_seconds())

    def _decide(self) -> bool:
        """A person says what became of letters of unknown fate; whether there were any."""
        deps, portal_id = self.there.deps, self.there.portal_id
        arrived = {message["Message-ID"] for message in self.taken}
        unknown = [row for row in letters.unfinished(deps, portal_id) if row["status"] == "unknown"]
        for row in unknown:
            verdict = "was_sent" if row["message_id"] in arrived else "resend"
            assert letters.decide(deps, portal_id, row["id"], verdict, "Anna Admin")  # type: ignore[arg-type]
        self.unknown += len(unknown)
        return bool(unknown)

    # --- the wave

    def live(self) -> None:
        """From the draft to the frozen result: two fifths answer at once, a fifth when reminded; some are corrected."""
        rng, deps, portal_id = Random(self.seed), self.there.deps, self.there.portal_id
        self.to(datetime(2026, 1, 19, 9, tzinfo=UTC))
        self.wave_id = waves.plan_portal(deps, portal_id) or self._wave().id
        waves.order_freeze(deps, portal_id, self.wave_id)
        self.until(datetime(2026, 1, 20, 9, tzinfo=UTC))
        self.work(("rehearse", portal_id, self.wave_id), ("approve", portal_id, self.wave_id))
        self.until(datetime(2026, 2, 26, 8, tzinfo=UTC))
        self._sit()
        # A letter in the hands of a dead worker waits for the end of its lease, and may meet the next death then.
        self.until(datetime(2026, 3, 3, 7, tzinfo=UTC))
        everybody = [client for client in range(1, self.count + 1) if client not in self.phoned]
        rng.shuffle(everybody)
        early, late = everybody[: self.count * 2 // 5], everybody[self.count * 2 // 5 : self.count * 3 // 5]
        self.to(datetime(2026, 3, 3, 8, tzinfo=UTC))
        self.early = set(early)
        self.work(*self._answers(rng, early))
        self.until(datetime(2026, 3, 6, 6, 30, tzinfo=UTC))
        self.until(datetime(2026, 3, 9, 8, tzinfo=UTC))
        self.work(*self._answers(rng, late))
        self.until(datetime(2026, 3, 10, 8, tzinfo=UTC))
        self.work(*self._corrections(rng, early[:8]))
        self.until(datetime(2026, 4, 3, tzinfo=UTC))

    def _sit(self) -> None:
        """Somebody calls whoever has a telephone, once each; one call is taken back and made again."""
        who = (self.there.portal_id, CALLER)
        people = {one.id: one.contact_id for one in self.rows(Invitation)}
        taken_back = False
        while True:
            self.work(("take", *who))
            if self.told is None:
                return
            key, client = self.told[0], people[self.told[1]]
            form = {"outcome": "no_answer"}
            if client % 2:
                form = {"outcome": "answered", "score": str(client % 11), "comment": "said so"}
            self.work(("call", *who, key, form))
            assert self.told[0] in ("done", "again"), self.told
            if client % 2:
                self.said[client], self.first[client] = (client % 11, "said so"), client % 11
                self.phoned.add(client)
            elif not taken_back:
                taken_back = True
                self.work(("take back", *who, self.told[1]))
                assert self.told in ("done", "again"), self.told

    def _answers(self, rng: Random, who: Sequence[int]) -> list[tuple[Any, ...]]:
        tokens = {one.contact_id: one.token for one in self.rows(Invitation)}
        for client in who:
            self.said[client] = (rng.randint(0, 10), f"words of {client}")
        self.first.update({client: self.said[client][0] for client in who})
        return [("answer", tokens[client], *self.said[client]) for client in who]

    def _corrections(self, rng: Random, who: Sequence[int]) -> list[tuple[Any, ...]]:
        people = {one.id: one.contact_id for one in self.rows(Invitation)}
        answers = {people[row.invitation_id]: row.id for row in self.rows(Response)}
        for client in who:
            score = rng.choice([n for n in range(11) if n != self.said[client][0]])
            self.said[client] = (score, "")
        portal_id = self.there.portal_id
        return [("correct", portal_id, client, answers[client], self.said[client][0]) for client in who]

    # --- looking

    def rows(self, table: type[Any]) -> list[Any]:
        """All rows of a table."""
        with reading(self.there.deps.sessions) as session:
            return list(session.scalars(select(table).order_by(table.id)))

    def _wave(self) -> Wave:
        return self.rows(Wave)[-1]  # type: ignore[no-any-return]

    def check(self) -> None:
        """Nobody got anything twice, nothing is lost, everybody has an end, and the cards say so."""
        self._check_letters()
        self._check_answers()
        self._check_calls()
        self._check_cards()
        assert self.unknown <= self.deaths, f"{self.unknown} letters unknown after {self.deaths} deaths"

    def _check_letters(self) -> None:
        """By the record of the mail server alone, then what each letter was."""
        ids = [message["Message-ID"] for message in self.taken]
        assert len(ids) == len(set(ids)), [n for n, times in Counter(ids).items() if times > 1]
        moments: dict[str, list[datetime]] = defaultdict(list)
        for message in self.taken:
            moments[message["To"].rpartition("<")[2].rstrip(">")].append(
                parsedate_to_datetime(message["Date"])
            )
        for person, at in moments.items():
            gaps = [after - before for before, after in pairwise(sorted(at))]
            assert all(gap > timedelta(days=2) for gap in gaps), (person, at)
        kinds = {row.message_id: (row.kind, row.recipient_address) for row in self.rows(LetterRow)}
        got = Counter(kinds[number] for number in ids)
        assert max(got.values()) == 1
        everybody = range(1, self.count + 1)
        for kind, expected in (
            ("announcement", set(everybody)), ("invitation", set(everybody) - self.phoned),
            ("reminder", set(everybody) - self.phoned - self.early),
        ):  # fmt: skip
            have = {who for what, who in got if what == kind}
            assert have == {address(n) for n in expected}, (kind, self._odd(kind, have, expected))

    def _odd(self, kind: str, have: set[str], expected: set[int]) -> list[tuple[str, ...]]:
        """What became of the letters that should have come, or should not."""
        odd = have ^ {address(n) for n in expected}
        rows = [row for row in self.rows(LetterRow) if row.kind == kind and row.recipient_address in odd]
        return sorted((row.recipient_address, row.status, row.error, str(row.due_at)) for row in rows)[:10]

    def _check_answers(self) -> None:
        people = {one.id: one.contact_id for one in self.rows(Invitation)}
        kept = {
            people[row.invitation_id]: (row.score, row.comment, row.status) for row in self.rows(Response)
        }
        assert kept == {client: (*said, "counted") for client, said in self.said.items()}
        outcomes = {one.contact_id: one.outcome for one in self.rows(Invitation)}
        everybody = range(1, self.count + 1)
        assert outcomes == {n: "answered" if n in self.said else "no_answer" for n in everybody}
        wave = self._wave()
        assert (wave.stage, wave.result_frozen_at is not None) == ("closed", True)
        assert wave.result["outcomes"] == dict(Counter(outcomes.values()))
        assert wave.result["answers"]["n"] == len(self.said)
        trail = Counter(event.what for event in self.rows(WaveEvent) if not event.what.startswith("letter"))
        assert max(trail.values()) == 1, trail

    def _check_calls(self) -> None:
        """One call to everybody who has a telephone, one more where one was taken back, and nobody in hand."""
        people = {one.id: one.contact_id for one in self.rows(Invitation)}
        rows = self.rows(Attempt)
        made = Counter(people[row.invitation_id] for row in rows if row.undone_at is None)
        assert made == dict.fromkeys(range(1, telephones(self.count) + 1), 1)
        assert [people[row.invitation_id] % 2 for row in rows if row.undone_at is not None] == [0]
        with reading(self.there.deps.sessions) as session:
            assert list(session.scalars(select(CallLease))) == []

    def _check_cards(self) -> None:
        """Score and words on deal, company and contact; one comment per answer and correction; one task per case."""
        left = [row for row in self.rows(OutboxRow) if row.status != "done"]
        assert not left, [(row.lane, row.purpose, row.status, row.error) for row in left]
        dump = self.there.dump()
        for kind in ("deal", "company", "contact"):
            cards = {int(card["id"]): card for card in dump["items"][kind.upper()]}
            for client in range(1, self.count + 1):
                found = cards[client].get(SCORE)
                wanted = self.said[client][0] if client in self.said else None
                assert (int(found) if found not in (None, "") else None) == wanted, (kind, client)
        told = Counter((row["ENTITY_TYPE"], int(row["ENTITY_ID"])) for row in dump["comments"])
        for client, (score, _) in self.said.items():
            times = 1 + (score != self.first[client])
            assert (told["deal", client], told["company", client]) == (times, times), client
        names = Counter(task["XML_ID"] for task in dump["tasks"])
        assert max(names.values()) == 1, names
        meetings = Counter(row.client_id for row in self.rows(FollowUp) if row.kind == "detractor_meeting")
        sad = {client for client, score in self.first.items() if group(score) == "detractor"}
        assert sad <= set(meetings)
        assert max(meetings.values()) == 1
        links = [card.get(LINK) for card in dump["items"]["CONTACT"]]
        assert not any(links), "the links are taken out of the cards"


def lived(url: str, *, count: int, seed: int, kills: int, workers: int = 1, small: bool = False) -> Killed:
    """A wave of so many clients with so many kills, lived to its end and checked."""
    targets = plan(seed, kills, small=small)
    with together(url, clients(count), targets, workers) as parts:
        wave = Killed(**vars(parts), seed=seed, count=count)
        wave.live()
        wave.check()
        assert wave.strikes.struck() == sorted(targets)
        assert wave.deaths == kills
    return wave
