"""Sudden deaths: worker or web killed at seeded moments, also in the middle of letters, batches and answers."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from .world import World

#: How long after the clock has jumped the blow falls, real seconds: the worker looks for work every 0.15 s.
DELAYS = (0.0, 0.05, 0.1, 0.15, 0.18, 0.2, 0.22, 0.25, 0.3, 0.4)


@dataclass
class Killer:
    """Strikes ``count`` times, at the first of the ``busy`` moments; whom and how late hangs on the seed."""

    world: World
    count: int
    seed: int
    busy: tuple[datetime, ...]
    done: list[str] = field(default_factory=list)
    _plan: list[tuple[datetime, str, float]] = field(default_factory=list)
    _blow: threading.Thread | None = None

    def __post_init__(self) -> None:
        rng = Random(f"{self.seed}:kills")
        moments = [self.busy[n % len(self.busy)] for n in range(self.count)]
        names = ["worker" if rng.random() < 0.7 else "web" for _ in moments]
        self._plan = sorted((m, name, rng.choice(DELAYS)) for m, name in zip(moments, names, strict=True))

    def __call__(self, now: datetime) -> None:
        """Called after every jump of the clock: strikes once if a blow is due, while everybody goes on."""
        if self._plan and self._plan[0][0] <= now:
            self.rest()
            _, name, delay = self._plan.pop(0)
            self._blow = threading.Thread(target=self._strike, args=(name, delay, now))
            self._blow.start()

    def rest(self) -> None:
        """Waits until the last blow is over."""
        if self._blow is not None:
            self._blow.join()

    def _strike(self, name: str, delay: float, now: datetime) -> None:
        """Kills the process with its children and starts it again."""
        time.sleep(delay)
        child = self.world.children[name]
        with self.world.upheaval:
            child.kill()
            self.world.deaths += 1
            self.done.append(f"{now:%Y-%m-%d %H:%M} {name}")
            child.start()
            if name == "web":
                self.world.wait_for_web()
