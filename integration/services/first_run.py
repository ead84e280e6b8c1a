"""The four steps after installation: who signs, who is a client, when, a test letter (product.md P7).

Each works with what it finds: nothing has to be filled in for Molva to run. A step is done when somebody has
saved it, left when somebody passed it by; both can be come back to, by any administrator, any number of times.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy.orm import Session

from integration.services.deps import Deps
from integration.store import portals as rows
from integration.store.base import reading, transaction
from integration.store.portals import Portal

StepName = Literal["senders", "clients", "calendar", "test"]
Status = Literal["open", "done", "skipped"]

STEPS: tuple[StepName, ...] = get_args(StepName)


@dataclass(frozen=True, slots=True)
class Step:
    """One step and what became of it."""

    name: StepName
    status: Status


@dataclass(frozen=True, slots=True)
class FirstRun:
    """How far a portal is. `finished_at`: UTC, when somebody said that this is it; then nothing asks any more."""

    steps: tuple[Step, ...]
    finished_at: datetime | None

    @property
    def finished(self) -> bool:
        """Whether the main page need not remind of it."""
        return self.finished_at is not None

    @property
    def at(self) -> StepName:
        """Where to go on: the first step nobody touched, else the first one left, else the last."""
        for wanted in ("open", "skipped"):
            for step in self.steps:
                if step.status == wanted:
                    return step.name
        return self.steps[-1].name

    @property
    def done(self) -> int:
        """How many steps are done."""
        return sum(step.status == "done" for step in self.steps)

    def status(self, name: str) -> Status:
        """What became of a step; `open` for a name that is none."""
        return next((step.status for step in self.steps if step.name == name), "open")


def state(session: Session, portal_id: int) -> FirstRun:
    """How far a portal is with its first run. Raises `LookupError` for an unknown portal."""
    portal = rows.get(session, portal_id)
    if portal is None:
        raise LookupError("no such portal")
    return _of(portal)


def read(deps: Deps, portal_id: int) -> FirstRun:
    """`state` in a transaction of its own."""
    with reading(deps.sessions) as session:
        return state(session, portal_id)


def settle(deps: Deps, portal_id: int, step: StepName, status: Literal["done", "skipped"]) -> FirstRun:
    """Note that a step was done or passed by; one that is done stays done. Raises `LookupError`."""
    with transaction(deps.sessions) as session:
        portal = rows.locked(session, portal_id)
        if portal is None:
            raise LookupError("no such portal")
        if _of(portal).status(step) != "done":
            portal.first_run = {**(portal.first_run or {}), step: status}
        return _of(portal)


def finish(deps: Deps, portal_id: int) -> FirstRun:
    """Note that the first run is over; the first time counts. Raises `LookupError`."""
    with transaction(deps.sessions) as session:
        portal = rows.locked(session, portal_id)
        if portal is None:
            raise LookupError("no such portal")
        portal.first_run_at = portal.first_run_at or deps.clock.now()
        return _of(portal)


def _of(portal: Portal) -> FirstRun:
    noted = portal.first_run if isinstance(portal.first_run, dict) else {}

    def status(name: str) -> Status:
        return "done" if noted.get(name) == "done" else "skipped" if noted.get(name) == "skipped" else "open"

    return FirstRun(tuple(Step(name, status(name)) for name in STEPS), portal.first_run_at)
