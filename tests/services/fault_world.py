"""A portal whose answers break in ordered ways, effects put under way towards it, and the way back to order.

One world serves many cases: each takes cards of its own, and time is moved, never slept away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import Any

from sqlalchemy import delete, select

from integration.adapters import PortalRest
from integration.bitrix import calls
from integration.bitrix.client import ClientPool
from integration.bitrix.exchange import CONNECT_SECONDS
from integration.bitrix.report import Report
from integration.bitrix.sandbox.clock import VirtualClock
from integration.bitrix.sandbox.rest import as_employee
from integration.demo.processes import wait_for
from integration.services import chores, health, inbox, outbox, portals, waiting
from integration.store.base import Sessions, reading, transaction
from integration.store.chores import ChoreRow, schedule
from integration.store.clients import Deal
from integration.store.inbox import InboxRow
from integration.store.outbox import OutboxRow
from integration.store.portals import Limits
from tests.services.portal_world import World, agency, world

SCORE = "UF_CRM_MOLVA_NPS_SCORE"
DEALS = 420
PATIENT, IMPATIENT = 60.0, 0.4  # seconds of real time until an answer is given up
ROUNDS = 60
OPEN = ("waiting", "working")


class Asking:
    """Portals' clients that give up after `patience` seconds."""

    def __init__(self) -> None:
        self.patience = PATIENT
        self.asked = 0
        self._pools = {
            seconds: ClientPool(allow_http=True, timeout=(CONNECT_SECONDS, seconds), observer=self._count)
            for seconds in (PATIENT, IMPATIENT)
        }

    def __call__(self, endpoint: str, token: str, *, portal_id: int | None = None) -> PortalRest:
        return PortalRest(self._pools[self.patience].client(endpoint, token))

    def _count(self, _report: Report) -> None:
        self.asked += 1

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()


@dataclass
class FaultWorld(World):
    """A world that can be brought back to its start between two cases."""

    asking: Asking = field(default_factory=Asking)
    unused: Iterator[int] = field(default_factory=lambda: count(10))
    hangs: bool = False

    def act(self, user_id: int, method: str, **params: Any) -> Any:
        """What an employee does; without the way over HTTP, which would cost more than all the rest."""
        return as_employee(self.box.portal, user_id, method, params)["result"]

    def order(self, **fault: Any) -> None:
        """What the next requests meet."""
        self.box.portal.faults.add(fault)

    def deal(self) -> int:
        """A deal nobody has touched yet."""
        return next(self.unused)

    def fresh(self) -> None:
        """No orders of faults, no limits learnt, no periodic chores that would make good what events missed."""
        self.hangs = False
        self.box.portal.faults.orders.clear()
        self.box.portal.state.settings.update({"down": False, "suspended": False})
        with transaction(self.deps.sessions) as session:
            for model in (Limits, ChoreRow, InboxRow, OutboxRow):
                session.execute(delete(model).where(model.portal_id == self.portal_id))

    def edit(self, deal: int, title: str) -> None:
        """An employee changes a deal, and the portal tells us so."""
        portal = self.box.portal
        portal.state.settings.events.lose_every = 0
        self.act(1, "crm.item.update", entityTypeId=2, id=deal, fields={"title": title})
        assert portal.queue.flush(60) == 0
        portal.state.settings.events.lose_every = 1

    def tick(self) -> bool:
        """What a worker does once, with the looks that spare it claims in vain; whether there was anything."""
        ticks = (
            (waiting.inbox, inbox.drain),
            (waiting.chores, chores.run_due),
            (waiting.outbox, outbox.drain),
        )
        found = [waits(self.deps) and self.worked(drain) for waits, drain in ticks]  # each has its turn
        return any(found)

    def worked(self, drain: Callable[[Any], bool]) -> bool:
        """One turn of one kind of work. Nobody waits long for an answer that is ordered not to come."""
        self.asking.patience = IMPATIENT if self.hangs and self.box.portal.faults.orders else PATIENT
        journal, self.asking.asked = self.box.portal.journal, 0
        before, worked = journal.number, drain(self.deps)
        if self.hangs:  # what was given up has come to the portal before time passes
            wait_for("the portal", lambda: journal.number - before >= self.asking.asked, 60)
        return worked

    def unfinished(self) -> list[Any]:
        """Events and calls that are not done."""
        with reading(self.deps.sessions) as session:
            return [
                row
                for model in (InboxRow, OutboxRow)
                for row in session.scalars(select(model).where(model.status != "done").order_by(model.id))
            ]

    def recover(self, rounds: int = ROUNDS) -> bool:
        """Ticks, with time passing between them, until nothing is under way; whether that came.

        A minute each at first, as after a request that broke off, then ten, as for a budget, then an hour.
        """
        for number in range(rounds):
            self.tick()
            if not any(row.status in OPEN for row in self.unfinished()):
                return True
            self.clock.advance(70.0 if number < 6 else 700.0 if number < 9 else 3700.0)
        return False

    def reopen(self) -> None:
        """An administrator opens the application; set-up follows, the synchronisation is left out to save time."""
        portals.install(self.deps, self.opened().grant)
        with transaction(self.deps.sessions) as session:
            session.execute(delete(ChoreRow).where(ChoreRow.name == "first_sync"))

    def carry_out(self, *names: str) -> None:
        """Order chores and work until they are done."""
        with transaction(self.deps.sessions) as session:
            for name in names:
                schedule(session, self.portal_id, name, self.clock.now())
        for _ in range(ROUNDS):
            while self.tick():
                pass
            with reading(self.deps.sessions) as session:
                if not session.scalar(select(ChoreRow.id).where(ChoreRow.status.in_(OPEN)).limit(1)):
                    return
            self.pass_time()
        raise AssertionError("never done")

    def pass_time(self) -> None:
        """To the next moment at which something is due: at least a second, at most two hours."""
        now = self.clock.now()
        due = health.next_due(self.deps, housekeeping=True) or now
        self.clock.advance(min(max((due - now).total_seconds() + 0.1, 1.0), 7200.0))

    def comments(self, deal: int) -> list[str]:
        """The words of a deal's timeline."""
        chosen = {"ENTITY_ID": deal, "ENTITY_TYPE": "deal"}
        return [row["COMMENT"] for row in self.act(1, "crm.timeline.comment.list", filter=chosen)]

    def tasks(self, deal: int) -> list[str]:
        """Our keys of a deal's tasks."""
        chosen = {"filter": {"UF_CRM_TASK": f"D_{deal}"}, "select": ["ID", "XML_ID"]}
        return [str(row["xmlId"]) for row in self.act(1, "tasks.task.list", **chosen)["tasks"]]

    def score(self, deal: int) -> Any:
        """The score on a deal's card."""
        return self.act(1, "crm.item.get", entityTypeId=2, id=deal, useOriginalUfNames="Y")["item"][SCORE]


@dataclass(frozen=True)
class Effect:
    """Something that must be true once in the portal, or here, when all is well again."""

    check: Callable[[], None]
    aims: tuple[str | None, ...] = (
        None,
    )  # calls by which a fault of whole requests finds the ones it strikes


def a_read(place: FaultWorld) -> Effect:
    """A card that was changed in the portal stands in the mirror as it is there."""
    deal = place.deal()
    title = f"Renamed {deal}"
    place.edit(deal, title)

    def check() -> None:
        assert place.get(Deal, deal).title == title
        assert place.get(Deal, deal).deleted_at is None

    return Effect(check)


def an_update(place: FaultWorld) -> Effect:
    """Two writes to one card: the second one's value stays."""
    deal = place.deal()
    for value in (3, 9):
        place.queue(calls.item_update("deal", deal, {SCORE: value}), f"deal:{deal}", key=f"u{deal}:{value}")

    def check() -> None:
        place.clock.advance(61)  # nothing that was given up may come after it
        assert (place.score(deal), place.get(Deal, deal).scores[SCORE]) == (9, 9)

    return Effect(check)


def a_creation(place: FaultWorld) -> Effect:
    """A comment and a task on one card are there once."""
    deal = place.deal()
    comment = calls.comment_add("deal", deal, "Words", f"c{deal}")
    task = calls.task_add(
        {"TITLE": "Meet", "RESPONSIBLE_ID": 1, "UF_CRM_TASK": [f"D_{deal}"]}, f"molva:{deal}"
    )
    rows = [
        place.queue(comment, f"deal:{deal}", key=f"c{deal}", purpose="comment"),
        place.queue(task, f"followup:{deal}", key=f"t{deal}", purpose="meeting"),
    ]

    def check() -> None:
        place.clock.advance(61)
        assert (place.comments(deal), place.tasks(deal)) == ([f"Words\n(c{deal})"], [f"molva:{deal}"])
        assert all(isinstance(place.sent(row).result, int) for row in rows), "what was made is known here"

    return Effect(check)


def a_batch(place: FaultWorld) -> Effect:
    """Reading, updates and creations together, six calls and a look."""
    parts = [a_read(place), an_update(place), an_update(place), a_creation(place), a_creation(place)]

    def check() -> None:
        for part in parts:
            part.check()

    return Effect(check, ("crm.item.update", "crm.item.list"))


@contextmanager
def fault_world(sessions: Sessions, clock: VirtualClock | None = None) -> Iterator[FaultWorld]:
    """Installed and synchronised, with cards enough for a table of cases, and no events unless asked for."""
    more = [{"id": number, "title": f"Deal {number}", "stageId": "NEW"} for number in range(10, 10 + DEALS)]
    data = agency()
    data.deals = [*data.deals, *more]
    data.departments += [
        {"ID": str(number), "NAME": f"D {number}", "PARENT": "1"} for number in range(2, 80)
    ]  # more than a page
    with world(sessions, data, clock) as made:
        asking = Asking()
        deps = replace(made.deps, rest=asking)
        place = FaultWorld(made.box, made.clock, deps, made.address, app=made.app, asking=asking)
        made.box.control("/settings", {"events": {"lose_every": 1}}, "PUT")
        try:
            yield _installed(place)
        finally:
            asking.close()


def _installed(place: FaultWorld) -> FaultWorld:
    place.install()
    for _ in range(20):
        place.work()
        if place.row().synced_at is not None:
            return place
        place.clock.advance(timedelta(seconds=5).total_seconds())
    raise AssertionError("never synchronised")
