"""Thousands of events at once: the portal is not flooded, and nobody else waits (product.md T2, T4)."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
import requests
from sqlalchemy import func, select

from integration.bitrix.sandbox.agency import bulk_deals
from integration.bitrix.sandbox.server import running
from integration.services import inbox
from integration.services.reading import MOST
from integration.store import inbox as inbox_rows
from integration.store.base import Sessions, reading, transaction
from integration.store.clients import Deal
from integration.store.inbox import InboxRow
from integration.store.outbox import OutboxRow
from tests.services.portal_world import CLIENT_ID, SCOPE, SECRET, World, agency, on_sqlite, wired, world
from tests.services.ready_world import ready_world

ROUNDS_OF_OTHERS = 2  # of work until a single event of another portal is done, however much waits elsewhere


def post(place: World, name: str, ids: list[int]) -> int:
    """Events by real HTTP over one connection, as the queue server sends them; how many were taken."""
    row = place.row()
    form = {
        "event": name, "auth[member_id]": row.member_id, "auth[application_token]": row.application_token or "",
    }  # fmt: skip
    key = "data[FIELDS_AFTER][ID]" if name.startswith("ONTASK") else "data[FIELDS][ID]"
    with requests.Session() as session:
        answers = [
            session.post(
                f"{place.address}/bitrix/events", data={**form, key: str(number)}, timeout=60
            ).status_code
            for number in ids
        ]
    return answers.count(200)


def open_rows(place: World, portal_id: int) -> int:
    with reading(place.deps.sessions) as session:
        statement = select(func.count()).where(
            InboxRow.portal_id == portal_id, InboxRow.status.in_(("waiting", "working"))
        )
        return session.scalar(statement) or 0


def bulk(sessions: Sessions, deals: int, times: int, by_http: int) -> dict[str, Any]:
    """Change that many deals at once, each `times`, while one card of a second portal changes; what it took."""
    with world(sessions, bulk_deals(deals, deals // 4)) as place, second(place) as other:
        place.ready()
        other.ready()
        place.box.control("/settings", {"events": {"lose_every": 1}}, "PUT")
        acts = [
            {
                "user_id": 1,
                "method": "crm.item.update",
                "params": {"entityTypeId": 2, "id": n, "fields": {"title": "x"}},
            }
            for n in range(1, deals + 1)
        ]
        place.box.control("/acts", acts)
        other.act(1, "crm.item.update", entityTypeId=2, id=3, fields={"title": "Theirs"})
        other.box.control("/events/flush", {"timeout": 60})
        ids = list(range(1, deals + 1)) * times
        assert post(place, "ONCRMDEALUPDATE", ids[:by_http]) == by_http
        with transaction(sessions) as session:
            for number in ids[by_http:]:
                inbox_rows.store(
                    session, place.portal_id, place.clock.now(), "ONCRMDEALUPDATE", "deal", number
                )
        return worked_off(place, other, deals)


def worked_off(place: World, other: World, deals: int) -> dict[str, Any]:
    rows = open_rows(place, place.portal_id)
    with transaction(place.deps.sessions) as session:  # the other portal's event is the youngest of all
        row = session.scalars(select(InboxRow).where(InboxRow.portal_id == other.portal_id)).all()[-1]
        row.due_at = place.clock.now()
    place.fresh_counters()
    rounds = others = 0
    began = time.monotonic()
    while open_rows(place, place.portal_id):
        rounds += 1
        place.clock.advance(1)
        inbox.drain(place.deps)
        if not others and not open_rows(place, other.portal_id):
            others = rounds
        assert rounds < 40 * (deals / MOST + 10), "it does not come to an end"
    seconds = time.monotonic() - began
    assert other.get(Deal, 3).title == "Theirs"
    assert {deal.title for deal in place.all(Deal) if deal.portal_id == place.portal_id} == {"x"}
    counters = place.counters()
    return {
        "rows": rows, "requests": counters["http"], "commands": sum(counters["by_method"].values()), "rounds": rounds,
        "others": others, "errors": counters["by_error"], "seconds": seconds,
    }  # fmt: skip


class second:
    """A second portal, with its own sandbox, in the same database and behind the same address."""

    def __init__(self, place: World) -> None:
        self.place = place

    def __enter__(self) -> World:
        data = agency()
        data.portal = replace(data.portal, member_id="b" * 32)
        self.running = running(data, self.place.clock)
        box = self.running.__enter__()
        address = self.place.address
        deps = wired(self.place.deps.sessions, box, self.place.clock, address)
        origins = (*self.place.deps.settings.oauth_origins, *deps.settings.oauth_origins)
        box.control(
            "/apps",
            {
                "client_id": CLIENT_ID, "client_secret": SECRET, "install_url": f"{address}/bitrix/install",
                "app_url": f"{address}/bitrix/app", "kind": "local", "ui": True, "scope": SCOPE,
            },
        )  # fmt: skip
        settings = replace(deps.settings, oauth_origins=origins)
        return World(box, self.place.clock, replace(deps, settings=settings), address)

    def __exit__(self, *error: Any) -> None:
        self.running.__exit__(*error)


def check(found: dict[str, Any], deals: int) -> None:
    """The bounds, which hold for any number of deals: fifty cards a request, five commands in it."""
    requests_needed = -(-deals // MOST)
    assert found["rows"] == deals, "events of one card fold into one row"
    assert found["requests"] <= requests_needed + 2
    assert found["commands"] <= 5 * requests_needed + 20
    assert found["others"] <= ROUNDS_OF_OTHERS
    assert found["errors"] == {}


def test_a_bulk_edit_neither_floods_nor_starves(sqlite_url: str) -> None:
    """Four hundred deals changed twice: eight looks of five commands; another portal's event is done at once."""
    with on_sqlite(sqlite_url) as sessions:
        check(bulk(sessions, 400, 2, by_http=100), 400)


def test_on_both_databases(sessions: Sessions) -> None:
    check(bulk(sessions, 100, 2, by_http=20), 100)


@pytest.mark.parametrize("pending", [False, True])
def test_a_thousand_events_of_foreign_tasks_cost_no_request(sqlite_url: str, pending: bool) -> None:
    """And no row, except while a task of ours is being made, whose number nobody knows yet."""
    with on_sqlite(sqlite_url) as sessions, ready_world(sessions) as place:
        if pending:
            place.queue(task_call(), lane="task", purpose="task", cause_kind="followup", cause_id=1)
        place.fresh_counters()
        assert post(place, "ONTASKUPDATE", list(range(1, 201))) == 200
        assert len([row for row in place.all(InboxRow) if row.kind == "task"]) == (200 if pending else 0)
        with transaction(sessions) as session:
            for row in session.scalars(select(OutboxRow)):
                row.status = "done"
        place.clock.advance(30)
        place.work()
        assert open_rows(place, place.portal_id) == 0
        assert place.counters()["http"] == 0


def task_call() -> Any:
    from integration.bitrix.calls import task_add

    return task_add({"TITLE": "Meet", "RESPONSIBLE_ID": 1}, "molva-1")
