"""A sandbox agency whose clients do what a story by quota says, through the product's own use cases, year by year."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, update

from integration.bitrix.sandbox.clock import VirtualClock
from integration.demo import quota
from integration.demo.quota import Deed, Year
from integration.mail.outgoing import MailError, OutgoingLetter
from integration.nps.people import ClientKey
from integration.nps.plans import Plan
from integration.services import (
    chores,
    corrections,
    inbox,
    letters,
    policies,
    rehearsals,
    survey,
    wave_refusals,
    waves,
)
from integration.services.calling import desk, record
from integration.services.calling.types import Caller
from integration.services.frames import Viewer
from integration.store.base import Sessions, reading, transaction
from integration.store.followups import FollowUp
from integration.store.waves import Invitation, Wave
from tests.services import portal_world
from tests.services.survey_world import BROWSER, TOUCH

BEGIN = datetime(2027, 1, 11, 6, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Moscow")
CALLER = "Ольга Лис (5)"


def the_caller(portal_id: int) -> Caller:
    return Caller(portal_id, "user:5", CALLER, language="ru", user_id=5)


@dataclass
class Mailbox:
    """A mail server that takes everything and remembers the personal link of every address."""

    letters: int = 0
    ready: bool = True
    links: dict[str, str] = field(default_factory=dict)

    def send(self, batch: list[OutgoingLetter]) -> list[MailError | None]:
        for letter in batch:
            self.letters += 1
            for token in re.findall(r"/s/([\w-]+)", letter.body_text)[:1]:
                self.links[letter.recipient_address] = token
        return [None] * len(batch)

    def check(self) -> MailError | None:
        return None

    def close(self) -> None:
        pass


@dataclass
class QuotaWorld:
    """The portal, the mail, and the waves lived so far."""

    portal: portal_world.World
    mail: Mailbox
    waves: list[int] = field(default_factory=list)

    @property
    def deps(self) -> Any:
        return self.portal.deps

    @property
    def portal_id(self) -> int:
        return self.portal.portal_id

    def viewer(self, user_id: int = quota.HEAD, language: str = "ru") -> Viewer:
        now = self.portal.clock.now().replace(microsecond=0)
        return Viewer(self.portal_id, user_id, False, language, "https://portal.example", now)

    def at(self, moment: datetime) -> None:
        """Let time pass, and everything that has become due by then be done."""
        self.portal.clock.advance((moment - self.portal.clock.now()).total_seconds())
        for _ in range(100):
            if not (waves.advance_due(self.deps) | letters.drain(self.deps)):
                return
        raise AssertionError("the machine does not come to rest")

    def on(self, day: date, hour: int = 12) -> None:
        self.at(datetime.combine(day, time(hour), ZONE))

    def lived(self, start: date, story: Year, *, calling: bool = False) -> int:
        """A whole wave by its story: planned, rehearsed, approved, answered, closed, its result final; its id.

        `calling`: who answers by phone is called from the desk; else staff record it in the tab.
        """
        self.settings(calling=calling)
        self.at(datetime.combine(start - timedelta(days=30), time(12), ZONE))
        wave_id = waves.plan_wave(self.deps, self.portal_id, start, "Пётр Сом (1)")
        assert wave_id is not None
        rehearsals.order(self.deps, self.portal_id, wave_id, "Пётр Сом (1)")
        self._chores()
        waves.approve(self.deps, self.portal_id, wave_id, "Пётр Сом (1)")
        plan = self.plan(wave_id)
        self.on(plan.announce)
        if calling:
            self._call_all(wave_id, story, plan)
        self.on(plan.mailing)
        self._act(
            wave_id,
            story.of(*(() if calling else ("refuse", "phone")), "early"),
            plan.mailing + timedelta(days=1),
        )
        self.on(plan.reminders[0])
        self._act(wave_id, story.of("late"), plan.reminders[0] + timedelta(days=1))
        self.on(plan.closing)
        self.on(plan.frozen_on)
        self.waves.append(wave_id)
        return wave_id

    def plan(self, wave_id: int) -> Plan:
        with reading(self.deps.sessions) as session:
            return Plan.from_json(session.get_one(Wave, wave_id).plan)

    def settings(self, **changes: Any) -> None:
        with reading(self.deps.sessions) as session:
            _, version = policies.load(session, self.portal_id)
        body = quota.policy() | changes
        saved = policies.save(self.deps, self.portal_id, body, "Пётр Сом (1)", version)
        assert isinstance(saved, int), saved

    def _call_all(self, wave_id: int, story: Year, plan: Plan) -> None:
        """A caller sits at the desk three times on every day of calling, until nobody is given out any more."""
        people = {number: client for client, (number, _) in self.people(wave_id).items()}
        deeds = {one.client: one for one in story.deeds}
        rung: Counter[int] = Counter()
        day = plan.calling
        while day is not None and day < plan.mailing:
            for hour in (10, 13, 16):
                self.on(day, hour)
                while desk.take(self.deps, the_caller(self.portal_id)) == "taken":
                    self._call(deeds, people, rung, story)
            day += timedelta(days=1)

    def _call(self, deeds: dict[int, Deed], people: dict[int, int], rung: Counter[int], story: Year) -> None:
        taken = desk.taken(self.deps, the_caller(self.portal_id))
        assert taken is not None
        deed = deeds[people[taken.invitation_id]]
        rung[deed.client] += 1
        form = {"outcome": "no_answer"}
        if rung[deed.client] >= story.picks_up(deed):
            form = {"outcome": {"refuse": "refused", "phone": "answered"}.get(deed.act, "asks_email")}
            form |= {"score": str(deed.score)} if deed.act == "phone" else {}
        self.portal.clock.advance(5)
        assert record.record(self.deps, the_caller(self.portal_id), taken.key, form).status == "done"

    def _act(self, wave_id: int, deeds: list[Deed], day: date) -> None:
        self.on(day, 11)
        people = self.people(wave_id)
        for deed in deeds:
            invitation, address = people[deed.client]
            if deed.act == "refuse":
                assert wave_refusals.refuse(
                    self.deps, self.portal_id, wave_id, invitation, CALLER, "Сейчас не до этого"
                )
            elif deed.act == "phone":
                client = ClientKey("company", deed.client)
                form = {"score": str(deed.score), "comment": ""}
                found = corrections.record(
                    self.deps, self.portal_id, client, invitation, form, channel="phone", who=CALLER
                )
                assert found.status == "counted"
            else:
                self._by_letter(self.mail.links[address], deed)

    def _by_letter(self, token: str, deed: Deed) -> None:
        """What a person with a browser does: open, touch, choose, send."""
        page = survey.page(self.deps, token)
        self.portal.clock.advance(5)
        proof = survey.prove(self.deps, token, page.nonce, TOUCH, user_agent=BROWSER) or ""
        form = {"score": str(deed.score), "comment": "Спасибо" if deed.client % 3 else ""}
        found = survey.answer(self.deps, token, form, proof=proof, user_agent=BROWSER)
        assert found.status == "counted"

    def people(self, wave_id: int) -> dict[int, tuple[int, str]]:
        """Invitation and address by client: contacts have the numbers of their companies."""
        with reading(self.deps.sessions) as session:
            rows = session.execute(
                select(Invitation.contact_id, Invitation.id, Invitation.address).where(
                    Invitation.wave_id == wave_id
                )
            )
            return {contact: (number, address) for contact, number, address in rows}

    def year_later(self, day: date) -> None:
        """Until a day of the next year: what the answers asked for has been done, and Molva has kept its keys alive."""
        with transaction(self.deps.sessions) as session:
            session.execute(update(FollowUp).values(status="closed"))
        while self.portal.clock.now().date() < day - timedelta(days=150):
            self.portal.clock.advance(86_400 * 100)
            self._chores()

    def _chores(self) -> None:
        while chores.run_due(self.deps) | inbox.drain(self.deps):
            pass


@contextmanager
def quota_world(sessions: Sessions) -> Iterator[QuotaWorld]:
    """500 clients in a sandbox portal, synchronised, with the settings of the story."""
    clock, mail = VirtualClock(), Mailbox()
    clock.advance((BEGIN - clock.now()).total_seconds())
    with portal_world.world(sessions, quota.agency(), clock) as made:
        made.deps = replace(made.deps, mailer=mail)
        made.ready()
        lived = QuotaWorld(made, mail)
        lived.settings()
        yield lived
