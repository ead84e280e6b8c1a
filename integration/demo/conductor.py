"""Moves the shared clock while everybody lives: one thread, one move at a time, each may be stopped.

Between the moves people go on too: whoever got a letter from a click in Molva's pages reads and answers it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import requests

from .portal import PortalError
from .processes import StuckError
from .year import Year

Speed = Literal["slow", "even", "fast"]
#: How far each speed goes in about a second.
STEPS: dict[Speed, timedelta] = {
    "slow": timedelta(hours=1), "even": timedelta(hours=6), "fast": timedelta(days=1),
}  # fmt: skip
BEAT = 1.0
TROUBLES = (StuckError, PortalError, LookupError, ValueError, OSError, requests.RequestException)


class Stopped(Exception):
    """Somebody pressed stop."""


@dataclass(frozen=True)
class State:
    """What the panel shows. ``share`` of a move, 0 … 1; ``about``: a preparation under way, "" for none."""

    busy: bool
    playing: bool
    speed: Speed
    until: datetime | None
    share: float
    about: str


@dataclass
class Conductor:
    """Owns the year: nobody else calls it once ``start`` was called.

    ``look`` is called at every step and every quiet second; ``troubled`` with what went wrong.
    """

    year: Year
    look: Callable[[], None]
    troubled: Callable[[str], None]
    speed: Speed = "even"
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _wake: threading.Event = field(default_factory=threading.Event)
    _halt: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)
    _jobs: list[tuple[str, Callable[[], None]]] = field(default_factory=list)
    _begin: datetime | None = None
    _until: datetime | None = None
    _playing: bool = False
    _about: str = ""
    _thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        self.year.watch = self._step

    def start(self) -> None:
        """Begins to listen for moves."""
        self._thread = threading.Thread(target=self._live, name="conductor", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends after the present step."""
        self._over.set()
        self._halt.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(60)

    @property
    def state(self) -> State:
        """As it is at this moment."""
        with self._lock:
            share = 0.0
            if self._begin and self._until and self._until > self._begin:
                share = (self.year.world.now() - self._begin) / (self._until - self._begin)
            busy = self._until is not None or bool(self._about)
            return State(busy, self._playing, self.speed, self._until, min(1.0, max(0.0, share)), self._about)

    def move(self, until: datetime) -> bool:
        """Lets time pass up to a moment; False if something is under way already."""
        with self._lock:
            if self.state.busy or self._playing:
                return False
            self._begin, self._until = self.year.world.now(), until
            self._halt.clear()
            self._wake.set()
            return True

    def play(self, speed: Speed) -> bool:
        """Lets time pass until ``stop``, or changes the speed; False while a move is under way."""
        with self._lock:
            if self.state.busy and not self._playing:
                return False
            self.speed, self._playing = speed, True
            self._halt.clear()
            self._wake.set()
            return True

    def stop(self) -> None:
        """Ends the move or the play at the next step."""
        with self._lock:
            self._playing = False
            if self._until is not None:
                self._halt.set()

    def job(self, about: str, work: Callable[[], None]) -> None:
        """Something to be done before time passes again, by this thread."""
        with self._lock:
            self._jobs.append((about, work))
            self._about = self._about or about
            self._wake.set()

    def _live(self) -> None:
        while not self._over.is_set():
            self._wake.wait(BEAT)
            self._wake.clear()
            try:
                self._do_jobs()
                if self._playing and self._until is None:
                    self._play_on()
                elif self._until is not None:
                    self._run()
                else:
                    self._quiet()
            except Stopped:
                pass
            except TROUBLES as error:
                self._fail(error)

    def _do_jobs(self) -> None:
        while self._jobs and not self._over.is_set():
            with self._lock:
                self._about, work = self._jobs.pop(0)
            try:
                work()
            except TROUBLES as error:
                self._fail(error)
            finally:
                with self._lock:
                    self._about = self._jobs[0][0] if self._jobs else ""

    def _play_on(self) -> None:
        begun = time.monotonic()
        with self._lock:
            self._begin = self.year.world.now()
            self._until = self._begin + STEPS[self.speed]
        self._run()
        self._halt.wait(max(0.0, BEAT - (time.monotonic() - begun)))
        self._wake.set()

    def _run(self) -> None:
        """The move under way; whatever ends it has been told before another one may begin."""
        try:
            if self._until is not None:
                self.year.run(self._until)
        except Stopped:
            pass
        except TROUBLES as error:
            self._fail(error)
        finally:
            with self._lock:
                self._begin = self._until = None
                self._halt.clear()

    def _step(self, _: datetime) -> None:
        """Called by the year before each jump."""
        self.look()
        if self._halt.is_set() or self._over.is_set():
            raise Stopped

    def _quiet(self) -> None:
        """A second without a move: letters are read, deeds that are due are done."""
        self.year.read_mail()
        for _, thunk in self.year.agenda.pop_due(self.year.world.now()):
            thunk()
        self.look()

    def _fail(self, error: Any) -> None:
        with self._lock:
            self._playing = False
        if not self._over.is_set():
            self.troubled((str(error) or type(error).__name__).splitlines()[0][:300])
