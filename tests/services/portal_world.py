"""A sandbox portal with Molva's use cases wired to it by real HTTP, on any of the databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import structlog
from flask import Flask
from sqlalchemy import select
from werkzeug.serving import make_server

import webhooks
from integration.adapters import KeySigner, OAuthServers, PooledRest, SecretDice, reporter
from integration.bitrix.oauth import OAuthClient
from integration.bitrix.protocol import Frame, parse_frame
from integration.bitrix.sandbox.agency import Agency, stage_rows
from integration.bitrix.sandbox.clock import VirtualClock
from integration.bitrix.sandbox.server import Sandbox, running
from integration.mail.smtp import NoMailer
from integration.services import chores, health, inbox, outbox, portals
from integration.services.deps import Deps, Settings
from integration.store.base import Sessions, make_engine, make_sessions, reading, transaction
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal
from tests.clocks import midday

CLIENT_ID, SECRET = "local.molva", "secret-of-molva"
SCOPE = ["crm", "task", "user", "department", "calendar", "user_basic", "placement"]


@dataclass
class World:
    """The portal, our side of it, and the address at which our side listens."""

    box: Sandbox
    clock: VirtualClock
    deps: Deps
    address: str
    portal_id: int = 0
    app: Any = field(default=None)

    def opened(self, user_id: int = 1) -> Frame:
        """The frame as the portal's page would post it, now."""
        post = self.box.control(f"/apps/{CLIENT_ID}/open", {"user_id": user_id, "dry": True})
        return parse_frame(dict(parse_qsl(urlsplit(post["url"]).query)), post["fields"])

    def install(self, user_id: int = 1) -> int:
        """Install the application the way the installer page does, and finish it in the portal."""
        self.box.control(f"/apps/{CLIENT_ID}/install", {"user_id": user_id, "finish": False})
        self.portal_id = portals.install(self.deps, self.opened(user_id).grant).portal_id
        self.box.control(f"/apps/{CLIENT_ID}/finish", {})
        return self.portal_id

    def work(self, rounds: int = 200) -> bool:
        """Everything that is due now, until nothing is; whether there was anything."""
        for number in range(rounds):
            found = [inbox.drain(self.deps), chores.run_due(self.deps), outbox.drain(self.deps)]
            if not any(found):
                return number > 0
        raise AssertionError("there is always something due")

    def settle(self) -> None:
        """The portal's events delivered, and everything that follows from them done."""
        for _ in range(5):
            self.box.control("/events/flush", {"timeout": 60})
            worked = self.work()
            following = health.next_due(self.deps)
            if not worked and (following is None or following > self.clock.now() + timedelta(seconds=15)):
                return
            self.clock.advance(5)  # short waits of ours pass

    def ready(self) -> World:
        """Installed, set up, synchronised."""
        self.install()
        self.settle()
        return self

    def act(self, user_id: int, method: str, **params: Any) -> Any:
        """What an employee does in the portal; 0 is a robot."""
        return self.box.control(f"/as/{user_id}/{method}", params)["result"]

    def counters(self) -> dict[str, Any]:
        return dict(self.box.control("/counters", verb="GET"))

    def fresh_counters(self) -> None:
        self.box.control("/counters/reset", {})

    def fault(self, kind: str, **more: Any) -> None:
        self.box.control("/faults", {"kind": kind, **more})

    def row(self) -> Portal:
        """The portal's row as it is now."""
        with reading(self.deps.sessions) as session:
            return session.scalars(select(Portal).where(Portal.id == self.portal_id)).one()

    def all(self, model: Any) -> list[Any]:
        """All rows of a table, by id."""
        with reading(self.deps.sessions) as session:
            return list(session.scalars(select(model).order_by(*model.__table__.primary_key)))

    def get(self, model: Any, card_id: int) -> Any:
        """A mirrored card."""
        with reading(self.deps.sessions) as session:
            return session.get(model, (self.portal_id, card_id))

    def queue(
        self, call: Any, lane: str = "deal:1", key: str = "k", purpose: str = "score", **more: Any
    ) -> int:
        """Put a call into the outbox."""
        now = self.clock.now()
        with transaction(self.deps.sessions) as session:
            row = OutboxRow(
                portal_id=self.portal_id, lane=lane, status="waiting", due_at=now, created_at=now, key=key,
                purpose=purpose, method=call.method, call=call.to_json(), **more,
            )  # fmt: skip
            session.add(row)
            session.flush()
            return row.id

    def sent(self, row_id: int) -> OutboxRow:
        """A row of the outbox as it is now."""
        with reading(self.deps.sessions) as session:
            return session.get_one(OutboxRow, row_id)

    def dump(self) -> dict[str, Any]:
        return dict(self.box.control("/dump", verb="GET"))


def agency(**changes: Any) -> Agency:
    """A small agency: two companies, three contacts, four deals in two pipelines, with their history."""
    made = Agency()
    made.categories = [
        *made.categories,
        {"id": 2, "name": "Service", "sort": 400, "entityTypeId": 2, "isDefault": "N"},
    ]
    made.statuses = [*made.statuses, *stage_rows(2, [("EXECUTING", "Retainer"), ("PAUSE", "Pause")])]
    made.companies = [{"id": 1, "title": "Vega"}, {"id": 2, "title": "Own", "isMyCompany": "Y"}]
    made.contacts = [
        {"id": 1, "name": "Ira", "lastName": "Sokol", "companyIds": [1, 2]},
        {"id": 2, "name": "Oleh", "lastName": "Lis"},
        {"id": 3, "name": "Eva", "lastName": "Ray", "companyIds": [1]},
    ]
    made.deals = [
        {
            "id": 1,
            "title": "Site",
            "companyId": 1,
            "contactIds": [1, 3],
            "stageId": "WON",
            "opportunity": 1200.5,
        },
        {
            "id": 2,
            "title": "Retainer",
            "companyId": 1,
            "contactIds": [1],
            "categoryId": 2,
            "stageId": "C2:EXECUTING",
        },
        {"id": 3, "title": "Alone", "contactIds": [2], "stageId": "NEW"},
        {"id": 4, "title": "Template", "companyId": 1, "isRecurring": "Y"},
    ]
    made.leads = [{"id": 1, "title": "Asks", "stageId": "NEW", "sourceId": "WEB"}]
    made.stage_history = [
        move(1, 1, "NEW", "2025-02-01T10:00:00+03:00"),
        move(1, 3, "WON", "2025-03-01T10:00:00+03:00", "S"),
        move(1, 3, "WON", "2025-09-01T10:00:00+03:00", "S"),
        move(2, 1, "C2:EXECUTING", "2025-04-01T10:00:00+03:00", category=2),
    ]
    made.requisites = [{"ID": "1", "ENTITY_TYPE_ID": "4", "ENTITY_ID": "1", "NAME": "Main"}]
    made.addresses = [
        {"TYPE_ID": "6", "ENTITY_TYPE_ID": "8", "ENTITY_ID": "1", "CITY": "Tver"},
        {"TYPE_ID": "1", "ENTITY_TYPE_ID": "8", "ENTITY_ID": "1", "CITY": "Lviv"},
    ]
    return replace(made, **changes)


def move(
    deal: int, kind: int, stage: str, at: str, semantics: str = "P", category: int = 0
) -> dict[str, Any]:
    """A row of the stage history."""
    return {
        "entityTypeId": 2, "TYPE_ID": kind, "OWNER_ID": deal, "CREATED_TIME": at, "CATEGORY_ID": category,
        "STAGE_ID": stage, "STAGE_SEMANTIC_ID": semantics,
    }  # fmt: skip


structlog.configure(
    processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()]
)


@contextmanager
def on_sqlite(url: str) -> Iterator[Sessions]:
    """Sessions over one SQLite file, for tests whose subject is not the database and which take long."""
    engine = make_engine(url)
    yield make_sessions(engine)
    engine.dispose()


@contextmanager
def world(
    sessions: Sessions, data: Agency | None = None, clock: VirtualClock | None = None, **settings: Any
) -> Iterator[World]:
    """A sandbox with Molva registered in it and Molva's event address listening."""
    clock = clock or midday()
    flask = Flask("test")
    server = make_server("127.0.0.1", 0, flask, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    address = f"http://127.0.0.1:{server.server_port}"
    with running(data or agency(), clock) as box:
        deps = wired(sessions, box, clock, address, **settings)
        flask.extensions["molva"] = deps
        webhooks.register(flask)
        thread.start()
        app = {
            "client_id": CLIENT_ID, "client_secret": SECRET, "install_url": f"{address}/bitrix/install",
            "app_url": f"{address}/bitrix/app", "kind": "local", "ui": True, "scope": SCOPE,
        }  # fmt: skip
        registered = box.control("/apps", app)
        try:
            yield World(box, clock, deps, address, app=registered)
        finally:
            server.shutdown()
            server.server_close()
            thread.join(5)


def wired(sessions: Sessions, box: Sandbox, clock: VirtualClock, address: str, **settings: Any) -> Deps:
    """Dependencies that reach this sandbox."""
    known: dict[str, Any] = {
        "public_url": address, "client_id": CLIENT_ID, "client_secret": SECRET, "oauth_origins": (box.oauth_url,),
        "allow_http": True, "worker_name": "worker-1",
    }  # fmt: skip
    return Deps(
        sessions=sessions, clock=clock, settings=Settings(**(known | settings)),
        rest=PooledRest(allow_http=True, observer=reporter),
        oauth=OAuthServers(OAuthClient((box.oauth_url,), allow_http=True)),
        mailer=NoMailer(), signer=KeySigner(("a-test-key",)), dice=SecretDice(),
    )  # fmt: skip
