"""A survey in its calling stage with people to call, for the tests of the desk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from integration.nps.plans import plan
from integration.services import policies
from integration.services.calendars import portal_calendar
from integration.services.calling import desk, record
from integration.services.calling.types import Caller, DeskPage, Recorded
from integration.store.attempts import Attempt, CallLease
from integration.store.base import Sessions, transaction
from integration.store.portals import Portal, Staff
from integration.store.waves import Invitation, Wave, WaveClient
from tests.conftest import HandClock
from tests.services import wave_world

ADA, BEN = 21, 22  # callers
MONDAY = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)  # 10:00 in Moscow
POLICY: dict[str, Any] = {"calling": True, "calling_days": 10}


@dataclass
class Desk:
    """The world of waves with one survey that is called for; people are known by their contact's number."""

    world: wave_world.World
    wave_id: int
    ids: dict[int, int] = field(default_factory=dict)

    @property
    def deps(self) -> Any:
        return self.world.deps

    @property
    def clock(self) -> HandClock:
        return self.world.clock

    def caller(self, user: int = ADA) -> Caller:
        return Caller(
            self.world.portal_id, f"user:{user}", f"Caller {user} ({user})", user_id=user, language="ru"
        )

    def link(self, number: int = 3, wave_id: int | None = None) -> Caller:
        wave = self.wave_id if wave_id is None else wave_id
        return Caller(
            self.world.portal_id, f"link:{number}", "Olga, Call Centre", wave_id=wave, language="ru"
        )

    def take(self, caller: Caller | None = None, **more: Any) -> str:
        return desk.take(self.deps, caller or self.caller(), **more)

    def page(self, caller: Caller | None = None) -> DeskPage:
        return desk.page(self.deps, caller or self.caller())

    def taken(self, caller: Caller | None = None) -> str:
        """The next client in hand: its key."""
        assert self.take(caller) == "taken"
        return self.key(caller)

    def key(self, caller: Caller | None = None) -> str:
        shown = self.page(caller).card
        assert shown is not None
        return shown.key

    def record(self, key: str, outcome: str, caller: Caller | None = None, **form: str) -> Recorded:
        return record.record(self.deps, caller or self.caller(), key, {"outcome": outcome, **form})

    def call(self, outcome: str, caller: Caller | None = None, **form: str) -> Recorded:
        """Take the next client and write down what came of it."""
        return self.record(self.taken(caller), outcome, caller, **form)

    def undo(self, attempt_id: int | None, caller: Caller | None = None) -> str:
        return record.undo(self.deps, caller or self.caller(), attempt_id or 0)

    def one(self, contact: int = 1100) -> Invitation:
        return self.world.invitations()[contact]

    def set(self, contact: int = 1100, **values: Any) -> None:
        self.world.set(Invitation, self.ids[contact], **values)

    def set_wave(self, **values: Any) -> None:
        self.world.set(Wave, self.wave_id, **values)

    def attempts(self) -> list[Attempt]:
        return self.world.rows(Attempt)

    def leases(self) -> list[CallLease]:
        with transaction(self.deps.sessions) as session:
            return list(session.scalars(select(CallLease)))

    def events(self) -> list[str]:
        return [one.what for one in self.world.events()]


def make(
    sessions: Sessions, clock: HandClock, *, people: Mapping[int, int] | None = None,
    policy: Mapping[str, Any] | None = None,
) -> Desk:  # fmt: skip
    """Clients with so many people each (by default one with one person), called for since Monday morning."""
    clock.moment = MONDAY
    world = wave_world.make_world(sessions, clock, policy=POLICY | dict(policy or {}))
    wanted = people or {11: 1}
    for number, many in wanted.items():
        world.client(number, people=many)
    with transaction(sessions) as session:
        for user, name in ((ADA, "Ada"), (BEN, "Ben")):
            session.add(Staff(portal_id=world.portal_id, user_id=user, name=name, last_name="Caller"))
        rules, version = policies.load(session, world.portal_id)
        portal = session.get_one(Portal, world.portal_id)
        hours = portal_calendar(portal.calendar, rules, date(2026, 3, 2)).letters
        wave = Wave(
            portal_id=world.portal_id, name="2026", stage="calling", policy_version=version, approved_by="Head",
            plan=plan(date(2026, 3, 2), rules, hours).to_json(), planned_at=clock.moment, approved_at=clock.moment,
            step_due_at=clock.moment + timedelta(days=1),
        )  # fmt: skip
        session.add(wave)
        session.flush()
        found = Desk(world, wave.id)
        for number, many in wanted.items():
            line = WaveClient(
                portal_id=world.portal_id, wave_id=wave.id, client_kind="company", client_id=number,
                name=f"Client {number}", city="Kazan", eligible=True, deal_id=number * 10, deal_ids=[],
                manager_id=wave_world.MANAGER,
            )  # fmt: skip
            session.add(line)
            session.flush()
            for place in range(many):
                contact = number * 100 + place
                one = Invitation(
                    portal_id=world.portal_id, wave_id=wave.id, wave_client_id=line.id, contact_id=contact,
                    name=f"Person {contact}", address=f"p{contact}@client.example.com",
                    phone=f"+7495{1000000 + contact}", role="decides", language="ru", time_zone="Europe/Moscow",
                    token=f"t{contact}", due_at=clock.moment + timedelta(days=9), sender_key="branch",
                    call_due_at=clock.moment - timedelta(hours=1), call_until=clock.moment + timedelta(hours=2),
                )  # fmt: skip
                session.add(one)
                session.flush()
                found.ids[contact] = one.id
    return found
