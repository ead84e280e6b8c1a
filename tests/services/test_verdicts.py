"""What a documented refusal does to a write, to an event and to a page: by its code (bitrix24.md 3.5, 3.6, 4.3, 5)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, request
from sqlalchemy import delete, select

from integration.adapters import PooledRest, reporter
from integration.bitrix import calls
from integration.bitrix.sandbox.httpd import Server
from integration.services import calls_queue, checklist, frames, inbox, outbox, pace
from integration.services.deps import Deps, Grant, Settings, TokenPair
from integration.services.frames import FrameRefused
from integration.store.base import Sessions, transaction
from integration.store.inbox import InboxRow
from integration.store.inbox import store as store_event
from integration.store.outbox import OutboxRow
from integration.store.portals import Limits, Portal
from tests.bitrix.test_errors import TABLE, Said
from tests.conftest import HandClock, a_portal

HOUR = timedelta(hours=1)


@dataclass
class Refusing:
    """A portal that gives one refusal to everything that comes with the old token."""

    said: Said = TABLE[0]
    inside: bool = False
    asked: int = 0

    def answer(self, method: str) -> Any:
        """One request; the refusal of the request, or of each command in it."""
        self.asked += 1
        body = request.get_json()
        commands = body.get("cmd", {"": method})
        if body["auth"] == "fresh":
            good = {key: {"items": [], "item": {"UF_CRM_MOLVA_NPS_SCORE": 5}} for key in commands}
            return (
                {"result": {"result": good, "result_error": []}}
                if method == "batch"
                else {"result": good[""]}
            )
        refusal = {"error": self.said.code, "error_description": "Подробно, для людей"}
        if self.inside and method == "batch":
            return {"result": {"result": [], "result_error": dict.fromkeys(commands, refusal)}}
        return refusal, self.said.statuses[0]


class Server401:
    """An authorisation server that renews tokens and has heard of no removal."""

    def grant(self, origin: str, access_token: str) -> Grant:
        return Grant("app.test", "m-1", "portal.example", "https://portal.example/rest/", 1, True, "L", "crm")

    def refresh(self, origin: str, client_id: str, client_secret: str, refresh_token: str) -> TokenPair:
        return TokenPair("fresh", "next", 3600, "", origin, "m-1", "crm", 1)


@dataclass
class Scene:
    """Our side of it: one portal's row, its queues, a clock."""

    deps: Deps
    clock: HandClock
    portal: Refusing
    endpoint: str
    portal_id: int = 0
    count: int = field(default=0)

    def begin(self, said: Said, *, inside: bool) -> None:
        """A working portal without memory, and one refusal from now on."""
        self.portal.said, self.portal.inside, self.portal.asked = said, inside, 0
        self.clock.advance(days=1)
        with transaction(self.deps.sessions) as session:
            for table in (OutboxRow, InboxRow, Limits, Portal):
                session.execute(delete(table))
            row = a_portal(
                endpoint=self.endpoint, setup_at=self.clock.now(), refresh_token="r", member_id="m-1"
            )
            session.add(row)
            session.flush()
            self.portal_id = row.id

    def write(self) -> OutboxRow:
        """What becomes of a score."""
        now, call = self.clock.now(), calls.item_update("deal", 1, {"UF_CRM_MOLVA_NPS_SCORE": 5})
        self.count += 1
        with transaction(self.deps.sessions) as session:
            session.add(
                OutboxRow(
                    portal_id=self.portal_id, lane="deal:1", status="waiting", due_at=now, created_at=now,
                    key=f"k{self.count}", purpose="score", method=call.method, call=call.to_json(),
                )
            )  # fmt: skip
        outbox.drain(self.deps)
        with transaction(self.deps.sessions) as session:
            return session.scalars(select(OutboxRow)).one()

    def hear(self) -> InboxRow:
        """What becomes of an event."""
        with transaction(self.deps.sessions) as session:
            store_event(session, self.portal_id, self.clock.now(), "ONCRMDEALUPDATE", "deal", 5)
        inbox.drain(self.deps)
        with transaction(self.deps.sessions) as session:
            return session.scalars(select(InboxRow)).one()

    def row(self) -> Portal:
        """The portal's row now."""
        with transaction(self.deps.sessions) as session:
            return session.get_one(Portal, self.portal_id)


@pytest.fixture
def scene(sessions: Sessions, clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    nobody: Any = None
    portal, app = Refusing(), Flask("portal")
    app.add_url_rule("/rest/<method>", view_func=lambda method: portal.answer(method), methods=["POST"])
    server = Server("127.0.0.1", 0, app)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    rest = PooledRest(allow_http=True, observer=reporter)
    deps = Deps(
        sessions=sessions, clock=clock, rest=rest, oauth=Server401(), mailer=nobody, signer=nobody, dice=nobody,
        settings=Settings(public_url="http://molva.example", client_id="app.test", allow_http=True),
    )  # fmt: skip
    monkeypatch.setattr("integration.services.pace.sleep", lambda seconds: clock.advance(seconds=seconds))
    yield Scene(deps, clock, portal, f"http://127.0.0.1:{server.port}/rest/")
    server.shutdown()
    server.server_close()


def meant(said: Said) -> str:
    """The verdict on a whole request: a batch needs no right of its own, so that a denial means REST (1.2)."""
    return "suspended" if said.code == "ACCESS_DENIED" else said.verdict


STATES = {"administrator": "reauthorise", "suspended": "suspended"}


def test_a_refused_request_gives_no_write_up_and_changes_the_portal_s_state_by_its_code(scene: Scene) -> None:
    """All documented codes: again when the portal says, after a renewal, when access is back; never lost."""
    for said in TABLE:
        scene.begin(said, inside=False)
        row, now, portal = scene.write(), scene.clock.now(), scene.row()
        assert row.status == ("done" if said.verdict == "renew" else "waiting"), said
        assert portal.status == STATES.get(meant(said), "active"), said
        assert portal.problem.startswith("scope:") == (said.verdict == "right"), said
        if said.verdict in ("administrator", "removed", "right", "suspended", "never"):
            assert row.due_at >= now + HOUR, said
        if said.verdict == "again":
            assert now < row.due_at, said
            assert row.due_at >= now + timedelta(seconds=said.after or 0), said
        asked = scene.portal.asked
        outbox.drain(scene.deps)
        assert scene.portal.asked == asked, "nobody knocks at once a second time"


def test_a_refused_call_is_given_up_only_where_a_repeat_is_in_vain(scene: Scene) -> None:
    """Inside a batch the verdict is the call's own; "never" goes to people with the code and the portal's words."""
    for said in (one for one in TABLE if one.verdict != "renew"):
        scene.begin(said, inside=True)
        row, now, portal = scene.write(), scene.clock.now(), scene.row()
        if said.verdict == "never":
            assert row.status == "buried", said
            assert row.error == f"{said.code.lower() or 'refused'}: Подробно, для людей"
        else:
            assert row.status == "waiting", said
            assert row.due_at > now, said
            assert row.due_at >= now + timedelta(seconds=said.after or 0), said
        assert portal.status == ("suspended" if said.verdict == "suspended" else "active"), said
        assert portal.problem.startswith("scope:") == (said.verdict == "right"), said


def test_a_write_that_waits_for_a_right_goes_as_soon_as_a_set_up_has_worked(scene: Scene) -> None:
    """A new installation may have brought what was missing: nobody waits for the hour to pass."""
    scene.begin(next(said for said in TABLE if said.code == "insufficient_scope"), inside=True)
    assert scene.write().due_at >= scene.clock.now() + HOUR
    with transaction(scene.deps.sessions) as session:
        portal = session.get_one(Portal, scene.portal_id)
        portal.access_token = "fresh"
        assert calls_queue.repair_fields(session, portal, scene.clock.now()) == 0
    assert outbox.drain(scene.deps)
    with transaction(scene.deps.sessions) as session:
        assert session.scalars(select(OutboxRow)).one().status == "done"


def test_a_refused_look_leaves_the_event_waiting(scene: Scene) -> None:
    """An event is a hint that somebody will follow up later; nothing of it is dropped."""
    for said in TABLE:
        for inside in (False, True):
            if inside and said.verdict == "renew":
                continue
            scene.begin(said, inside=inside)
            row = scene.hear()
            assert row.status == ("done" if said.verdict == "renew" else "waiting"), (said, inside)
            assert row.status == "done" or row.due_at > scene.clock.now(), (said, inside)


def test_a_page_hears_why_and_never_breaks(scene: Scene) -> None:
    """A click gets the code; who opens a page is told: busy, not reached, suspended, or not proven."""
    grant = Server401().grant("", "")
    for said in TABLE:
        scene.begin(said, inside=False)
        told = checklist.check(scene.deps, scene.portal_id)
        if said.verdict == "renew":
            assert told == "", said
        elif said.verdict != "administrator":
            assert told == (said.code.lower() or ("http_400" if said.statuses[0] == 400 else "refused")), said
        scene.begin(said, inside=False)
        opened = Grant("app.test", "m-1", grant.domain, scene.endpoint, 1, True, "L", "crm")
        with pytest.raises(FrameRefused) as caught:
            frames._asked(scene.deps, opened, "old", {"card": calls.item_get("deal", 1)})
        crowded = said.code.lower() in pace.CROWDED
        again = "busy" if crowded else "unreachable"
        expected = {"again": again, "suspended": "suspended"}.get(meant(said), "dead_token")
        assert caught.value.code == expected, said
