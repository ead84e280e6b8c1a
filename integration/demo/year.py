"""The year's course: whoever has something to do does it, then the clock jumps to what comes next."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from .letters import Letter, Mailbox
from .people import Deed, Life, Person, Script
from .processes import StuckError
from .world import World

#: How far the clock jumps at most: Molva's own rounds (reconciliation, walks) are then late, as after a downtime.
STRIDE = timedelta(days=14)
#: After so long Molva has looked by itself for what the portal did not tell (every ten minutes, product.md T2).
ROUND = timedelta(minutes=11)
#: Real seconds without any movement after which it counts as stuck.
QUIET_SECONDS = 180.0
#: Real seconds without any movement after which somebody who was killed has probably left work in hand; it counts as
#: being done until its worker has been silent for a minute, and comes back when its lease ends. Where nobody was
#: killed the machine is only slow, and the clock had better stand.
STALLED_SECONDS, SLOW_SECONDS = 2.0, 60.0
MOURNING = timedelta(seconds=61)
#: Waits shorter than this are part of one deed: the clock moves on without asking whether Molva is idle.
BREATH = timedelta(minutes=2)

Thunk = Callable[[], None]


@dataclass
class Agenda:
    """What people and staff will do, by moment."""

    rows: list[tuple[datetime, int, str, Thunk]] = field(default_factory=list)
    _count: Any = field(default_factory=itertools.count)

    def put(self, moment: datetime, about: str, thunk: Thunk) -> None:
        heapq.heappush(self.rows, (moment, next(self._count), about, thunk))

    @property
    def next(self) -> datetime | None:
        return self.rows[0][0] if self.rows else None

    def pop_due(self, now: datetime) -> list[tuple[str, Thunk]]:
        """Everything whose time has come, in order."""
        found = []
        while self.rows and self.rows[0][0] <= now:
            _, _, about, thunk = heapq.heappop(self.rows)
            found.append((about, thunk))
        return found


@dataclass
class Year:
    """Runs the world from one moment to another.

    ``watch`` is called at every step with virtual time, ``disturb`` right after every jump of the clock.
    ``grain``: Molva's own next work is waited for at least so long, so that repeats in trouble come together.
    ``rested``: Molva's gauges when it last came to rest.
    """

    world: World
    town: dict[str, Person]
    watch: Callable[[datetime], None]
    disturb: Callable[[datetime], None] = lambda _: None
    diary: list[Deed] = field(default_factory=list)
    agenda: Agenda = field(default_factory=Agenda)
    jumps: int = 0
    grain: timedelta = timedelta(seconds=1)
    rested: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.mailbox = Mailbox(self.world.mail)
        self.lives: dict[str, Life] = {}
        self.letters: list[Letter] = []
        self._mourned = 0  # deaths after which what they left in hand has been waited for

    def run(self, until: datetime) -> None:
        """Lives until that moment. Raises ``StuckError`` when something does not come to rest."""
        while True:
            self.settle()
            self.read_mail()
            now = self.world.now()
            self.watch(now)
            due = self.agenda.pop_due(now)
            for _, thunk in due:
                thunk()
            if due:
                self.breathe()
                continue
            if now >= until:
                return
            following = self._next(now, until)
            if following is None:
                continue
            moment, why = following
            self._log(f"{now:%Y-%m-%d %H:%M:%S} rested, next {moment:%Y-%m-%d %H:%M:%S} for {why}")
            self.world.jump(moment)
            self.jumps += 1
            self.disturb(self.world.now())

    def breathe(self) -> None:
        """Goes on with deeds under way whose pauses are short."""
        while self.agenda.next is not None and self.agenda.next <= self.world.now() + BREATH:
            self.world.jump(self.agenda.next)
            for _, thunk in self.agenda.pop_due(self.world.now()):
                thunk()

    def _next(self, now: datetime, until: datetime) -> tuple[datetime, str] | None:
        """What comes first: the end, a person, Molva, or two quiet weeks later; None if there is something to do now.

        Seconds pass by themselves, too: what was due in two of them when Molva came to rest may be due by now, and is
        no future moment any more. A leap would make it as late as the leap is long.
        """
        moments = [(until, "the end"), (now + STRIDE, "two weeks later")]
        if self.agenda.next:
            moments.append((self.agenda.next, self.agenda.rows[0][2]))
        metrics = self.world.metrics()
        if metrics.get("molva_due_rows"):
            return None
        following = metrics.get("molva_next_due_timestamp_seconds")
        if following is not None:
            due = datetime.fromtimestamp(following, UTC)
            moments.append((max(due, now + self.grain), "Molva"))
        return min(moments)

    def _log(self, line: str) -> None:
        with open(self.world.folder / "steps.log", "a", encoding="utf-8") as file:
            file.write(f"{time.monotonic():.2f} {line}\n")

    def settle(self) -> None:
        """Waits until the portal has delivered its events and Molva has done what is due."""
        moved = time.monotonic()
        stalled = moved
        before: tuple[float, ...] = ()
        while True:
            undelivered = self.world.control.post("events/flush", {"timeout": 10})["pending"]
            metrics = self.world.metrics()
            due = metrics.get("molva_due_rows", 0.0)
            rows = (n for name, n in metrics.items() if name.startswith("molva_queue_rows"))
            state = (undelivered, due, *rows)
            if undelivered == due == 0 and state == before:
                self.rested, self._mourned = metrics, self.world.deaths
                return
            now = time.monotonic()
            if state != before:
                before, moved, stalled = state, now, now
            elif now - stalled > (STALLED_SECONDS if self.world.deaths > self._mourned else SLOW_SECONDS):
                self.world.jump(self.world.now() + MOURNING)
                stalled, self._mourned = now, self.world.deaths
            if now - moved > QUIET_SECONDS:
                raise StuckError(f"Molva does not come to rest at {self.world.now()}: {self._why()}")
            self.check_alive()
            time.sleep(0.1 if due else 0)

    def _why(self) -> str:
        rows = {k: v for k, v in self.world.metrics().items() if v and not k.endswith("timestamp_seconds")}
        return f"{rows}\n{self.world.tails()}"

    def check_alive(self) -> None:
        """Raises ``StuckError`` with the log's end if a process is gone."""
        with self.world.upheaval:
            ended = [name for name, child in self.world.children.items() if not child.alive]
        if ended:
            raise StuckError(f"{ended[0]} ended:\n{self.world.children[ended[0]].tail(40)}")

    def read_mail(self) -> None:
        """People open their mailboxes and decide what to do."""
        for letter in self.mailbox.fetch():
            self.letters.append(letter)
            person = self.town.get(letter.recipient)
            if person is None:
                continue
            life = self.lives.setdefault(letter.recipient, Life(person, self.world.now, self.diary))
            for moment, script in life.receive(letter):
                self.go_on(moment, script, f"{person.address} ({person.habit})")

    def go_on(self, moment: datetime, script: Script, about: str) -> None:
        """Puts the next step of a deed on the agenda."""

        def step() -> None:
            pause = next(script, None)
            if pause is not None:
                self.go_on(self.world.now() + timedelta(seconds=pause), script, about)

        self.agenda.put(moment, about, step)
