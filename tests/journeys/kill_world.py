"""A portal, a mail server that keeps its own record, and processes of the product that may die at any moment."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email import message_from_bytes
from multiprocessing.connection import Connection
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography.fernet import Fernet, MultiFernet
from sqlalchemy import delete

from integration.bitrix.sandbox.agency import Agency, stage_rows
from integration.bitrix.sandbox.clock import VirtualClock
from integration.services import policies
from integration.store.base import Vault, make_engine, make_sessions, transaction
from integration.store.chores import ChoreRow
from tests.journeys.kill_points import Strikes, context, die
from tests.journeys.kill_worker import Setup, main
from tests.mail.servers import PATIENCE
from tests.mail.servers import MailServer as Records
from tests.services.portal_world import World, move, world

HEAD, DIRECTOR, MANAGER, CALLER = 1, 5, 6, 7
SERVICE = 2
SIGNERS = (("head", HEAD, "Anna Admin"), ("branch", DIRECTOR, "Olga Lis"))
POLICY: dict[str, Any] = {
    "service_pipelines": [SERVICE], "wave_month": 2, "wave_day": 26, "announce_days": 10, "plan_days_before": 42,
    "calling": True, "calling_days": 4, "max_attempts": 4, "callers": [CALLER], "reminder_days": [4],
    "closing_days": 7, "time_zone": "Europe/Moscow", "language": "ru", "country": "RU",
    "default_sender": "branch", "head_sender": "head", "head_user_id": HEAD, "wave_owner": HEAD,
    "default_owner": DIRECTOR, "critical_tasks": False,
    "senders": [
        {"key": key, "user_id": user, "name": name, "position": "director", "email": f"{key}@agency.example.com",
         "phone": "+74950000001"} for key, user, name in SIGNERS
    ],
}  # fmt: skip


def clients(count: int) -> Agency:
    """So many companies, each with one person and one running deal of two years."""
    made = Agency()
    made.categories = [
        *made.categories,
        {"id": SERVICE, "name": "Support", "sort": 400, "entityTypeId": 2, "isDefault": "N"},
    ]
    made.statuses = [*made.statuses, *stage_rows(SERVICE, [("EXECUTING", "Retainer")])]
    staff = ((DIRECTOR, "Olga", "Lis"), (MANAGER, "Ivan", "Petrov"), (CALLER, "Ada", "Ring"))
    for user, name, last in staff:
        made.users = [
            *made.users,
            {**made.users[0], "ID": str(user), "NAME": name, "LAST_NAME": last, "ADMIN": False,
             "EMAIL": f"user{user}@agency.example.com"},
        ]  # fmt: skip
    for n in range(1, count + 1):
        made.companies.append({"id": n, "title": f"Client {n}", "assignedById": MANAGER})
        fm = [{"typeId": "EMAIL", "valueType": "WORK", "value": address(n)}]
        if n <= telephones(count):
            fm.append({"typeId": "PHONE", "valueType": "WORK", "value": f"+7495{1000000 + n}"})
        made.contacts.append(
            {"id": n, "name": "Eva", "lastName": f"Ray-{n}", "companyIds": [n], "fm": fm, "assignedById": MANAGER}
        )  # fmt: skip
        made.deals.append(
            {"id": n, "title": f"Retainer {n}", "companyId": n, "contactIds": [n], "categoryId": SERVICE,
             "stageId": f"C{SERVICE}:EXECUTING", "assignedById": MANAGER, "begindate": "2024-05-01"}
        )  # fmt: skip
        made.stage_history.append(
            move(n, 1, f"C{SERVICE}:EXECUTING", "2024-05-01T10:00:00+03:00", category=SERVICE)
        )
    return made


def telephones(count: int) -> int:
    """How many clients have one: the first ones."""
    return max(4, count // 15)


def address(client: int) -> str:
    """Where the person of a client is written to."""
    return f"p{client}@client{client}.example.com"


@dataclass
class MailServer:
    """Takes letters of one process of the product and keeps its own record; may kill whoever it talks to."""

    strikes: Strikes
    taken: list[Any]
    victim: Process | None = None

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Still the sender's: the letter itself has not come."""
        if self.strikes.falls("before mail"):
            self._kill(server)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Taken: from here on the letter arrives, whatever becomes of the one who sent it."""
        content = envelope.content or b""
        self.taken.append(message_from_bytes(content if isinstance(content, bytes) else content.encode()))
        if self.strikes.falls("after mail"):
            self._kill(server)
        return "250 taken"

    def _kill(self, server: SMTP) -> None:
        assert self.victim is not None
        self.victim.kill()
        if isinstance(server.transport, asyncio.Transport):
            server.transport.abort()


@dataclass
class Process:
    """One process of the product, started again whenever it is dead."""

    setup: Setup
    strikes: Strikes
    deaths: int = 0
    running: Any = None
    line: Connection | None = None

    def start(self) -> None:
        """A new one, with nothing from the one before."""
        made = context()
        self.line, theirs = made.Pipe()
        self.running = made.Process(target=main, args=(theirs, self.setup, self.strikes), daemon=True)
        self.running.start()
        theirs.close()

    def kill(self) -> None:
        """By SIGKILL."""
        die(self.running.pid)

    def tell(self, order: tuple[Any, ...]) -> None:
        """Give an order; a process that is dead already gets it after its restart."""
        assert self.line is not None
        try:
            self.line.send(order)
        except OSError:
            self.buried()
            self.tell(order)

    def heard(self) -> tuple[str, Any]:
        """The answer to an order, or that there is none because the process died over it."""
        assert self.line is not None
        try:
            state, told = self.line.recv()
        except (EOFError, OSError):
            self.buried()
            return ("dead", None)
        return (state, told)

    def buried(self) -> None:
        """It is dead: count it and begin anew."""
        self.running.join(PATIENCE)
        assert self.running.exitcode == -9, f"it ended by itself: {self.running.exitcode}"
        self.deaths += 1
        self.start()

    def stop(self) -> None:
        """No more orders."""
        if self.line is not None and self.running.is_alive():
            self.line.send(None)
            self.running.join(PATIENCE)


@dataclass
class Parts:
    """Everything that takes part. `there`: the portal, as this process reaches it; `taken`: by the mail server."""

    there: World
    strikes: Strikes
    workers: list[Process]
    web: Process
    taken: list[Any]

    @property
    def deaths(self) -> int:
        """How many processes were killed."""
        return sum(process.deaths for process in (*self.workers, self.web))


@contextmanager
def together(url: str, agency: Agency, targets: frozenset[tuple[str, int]], workers: int) -> Iterator[Parts]:
    """An installed portal and the processes, of which none has died yet."""
    key, before = Fernet.generate_key(), Vault.keys
    Vault.configure(MultiFernet([Fernet(key)]))
    engine = make_engine(url)
    strikes = Strikes(context(), targets)
    taken: list[Any] = []
    clock = VirtualClock()
    clock.advance((datetime(2026, 1, 12, 9, tzinfo=UTC) - clock.now()).total_seconds())
    with ExitStack() as stack:
        stack.callback(setattr, Vault, "keys", before)
        stack.callback(engine.dispose)
        there = stack.enter_context(world(make_sessions(engine), agency, clock))
        there.box.control("/settings", {"events": {"lose_every": 1}}, "PUT")
        there.install()
        while there.row().synced_at is None:
            there.work()
            clock.advance(5)
        made = []
        for number in range(workers + 1):
            server = MailServer(strikes, taken)
            controller = Records(server)
            controller.start()
            stack.callback(controller.stop)
            setup = Setup(
                url,
                key,
                there.deps.settings,
                there.box.oauth_url,
                controller.port,
                f"p{number}:{os.getpid()}",
            )
            server.victim = Process(setup, strikes)
            server.victim.start()
            stack.callback(server.victim.stop)
            made.append(server.victim)
        with transaction(there.deps.sessions) as session:
            _, version = policies.load(session, there.portal_id)
            session.execute(
                delete(ChoreRow).where(ChoreRow.every_seconds > 0)
            )  # what is done every night anyway
        saved = policies.save(there.deps, there.portal_id, POLICY, "test", version)
        assert isinstance(saved, int), saved
        ready: Any = Ready()
        there.deps = replace(there.deps, mailer=ready)
        yield Parts(there, strikes, made[:-1], made[-1], taken)


class Ready:
    """Letters count as work that waits; this process sends none."""

    ready = True
