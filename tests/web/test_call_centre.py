"""The call centre's pages: links that are shown once, the desk they open, sheets out and back (product.md W9)."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, func, select
from werkzeug.test import TestResponse

from integration.services import frames
from integration.services.frames import Viewer
from integration.store.base import Base, Sessions, make_sessions, transaction
from integration.store.call_links import CallView
from integration.store.responses import Response
from tests.conftest import HandClock
from tests.services import report_world
from tests.services.calling import desk_world
from tests.services.calling.desk_world import Desk
from tests.services.wave_world import MANAGER
from tests.web import call_states
from tests.web.conftest import make_app

PHONE = {"REMOTE_ADDR": "203.0.113.9"}
KEY = re.compile(r'name="key" value="([^"]+)"')


@pytest.fixture
def desk(one_engine: Engine, clock: HandClock) -> Desk:
    return desk_world.make(make_sessions(one_engine), clock, people={11: 1, 12: 1})


@pytest.fixture
def client(desk: Desk) -> FlaskClient:
    return make_app(desk.deps).test_client()


def _post(
    client: FlaskClient, desk: Desk, path: str = "", who: Viewer | None = None, **fields: Any
) -> TestResponse:
    viewer = who or report_world.viewer(desk.world, 1, administrator=True, language="en")
    session = frames.seal(desk.deps, viewer)
    address = f"/app/wave/{desk.wave_id}/partners{path}"
    return client.post(address, data={"session": session, **fields}, content_type="multipart/form-data")


def _link(client: FlaskClient, desk: Desk, name: str = "Olga", **fields: Any) -> str:
    """Make a link on the page: the path it shows."""
    shown = _post(client, desk, **{"do": "make", "name": name, "language": "en", **fields})
    assert shown.status_code == 200, shown.text
    found = re.search(r"https://molva\.example(/calls/[\w-]+)", shown.text)
    assert found is not None
    return found[1]


def _sizes(sessions: Sessions) -> dict[str, int]:
    with transaction(sessions) as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


def test_a_link_is_shown_once_and_can_be_withdrawn_and_made_anew(desk: Desk, client: FlaskClient) -> None:
    """The list shows when it was last used and what was done, never the address; W10's people see none of it."""
    path = _link(client, desk, firm="Calls Ltd", language="uk")
    assert client.get(path, environ_base=PHONE).status_code == 200
    page = _post(client, desk)
    assert "Calls Ltd" in page.text
    assert path not in page.text
    assert _post(client, desk, do="make", name="olga", firm="calls ltd").status_code == 422
    assert _post(client, desk, do="make", name="Ira", until="2031-01-01").status_code == 422
    again = _post(client, desk, do="anew", link="1")
    assert client.get(path).status_code == 410
    new = re.search(r"https://molva\.example(/calls/[\w-]+)", again.text)
    assert new is not None
    assert client.get(new[1]).status_code == 200
    assert "revoked" in _post(client, desk, do="revoke", link="2").text
    assert client.get(new[1]).status_code == 410
    assert _post(client, desk, do="revoke", link="2").status_code == 200
    manager = report_world.viewer(desk.world, MANAGER)
    for part in ("", "/out", "/log", "/sheet/1", "/sheet/1/report"):
        assert _post(client, desk, part, who=manager, do="make", name="x").status_code == 403, part


def test_a_caller_of_a_call_centre_works_by_the_link_alone(desk: Desk, client: FlaskClient) -> None:
    """Takes a client, records an answer, gets the next; nothing is cached, indexed or told to other sites."""
    path = _link(client, desk, language="ru")
    for token in ("nothing", "x" * 3000, "%00", "%D1%8B"):
        assert client.get(f"/calls/{token}").status_code == 404
    first = client.get(path, environ_base=PHONE)
    assert first.headers["Cache-Control"] == "no-store"
    assert first.headers["Referrer-Policy"] == "no-referrer"
    assert first.headers["X-Robots-Tag"].startswith("noindex")
    assert "frame-ancestors 'none'" in first.headers["Content-Security-Policy"]
    assert '<html lang="ru">' in first.text
    before = _sizes(desk.deps.sessions)
    client.get(path, environ_base=PHONE)
    client.head(path, environ_base=PHONE)
    assert _sizes(desk.deps.sessions) == before  # the same visit
    taken = client.post(path, data={"do": "take"}, environ_base=PHONE)
    key = KEY.search(taken.text)
    assert key is not None
    assert "Client 11" in taken.text
    assert "p1100@" not in taken.text
    assert client.post(path, data={"do": "keep", "key": key[1]}, environ_base=PHONE).get_json() == {
        "mine": True
    }
    saved = client.post(
        path, data={"do": "save:answered", "key": key[1], "score": "9", "comment": "Хорошо", "auto": "1"},
        environ_base=PHONE,
    )  # fmt: skip
    assert "Client 12" in saved.text
    (answer,) = desk.world.rows(Response)
    assert (answer.score, answer.channel, answer.recorded_by) == (9, "phone", "Olga")
    looks = [(row.what, row.invitation_id, row.remote) for row in desk.world.rows(CallView)]
    assert looks == [
        ("desk", None, "203.0.113.9"), ("client", desk.ids[1100], "203.0.113.9"),
        ("client", desk.ids[1200], "203.0.113.9"),
    ]  # fmt: skip
    part = client.post(path, data={"do": ""}, headers={"X-Requested-With": "molva"}, environ_base=PHONE)
    assert "<html" not in part.text
    assert "Client 12" in part.text
    assert client.post(path, data={"do": "take", "note": "x" * 200_000}).status_code == 413
    assert client.post(path, data={"do": "take", "note": "a\x00"}).status_code == 400
    log = _post(client, desk, "/log")
    assert "Client 12" in log.text
    assert "203.0.113.9" in log.text
    table = list(csv.reader(io.StringIO(_post(client, desk, "/log", format="csv").text.lstrip("\ufeff"))))
    assert [row[1] for row in table[1:]] == ["Olga"] * 3
    book = openpyxl.load_workbook(io.BytesIO(_post(client, desk, "/log", format="xlsx").data))
    lines = [[cell.value for cell in row] for row in book.worksheets[0].rows][1:]
    assert [line[1] for line in lines] == ["Olga"] * 3
    assert {str(line[0]) for line in lines} == {"2026-03-02 10:00:00"}, "the portal's clock, as on the page"


def test_a_link_revoked_in_the_middle_of_a_call_records_nothing_and_says_so(
    desk: Desk, client: FlaskClient
) -> None:
    """What was typed stays on the page to be passed on; so it is for a link that ended and a survey that is over."""
    path = _link(client, desk)
    taken = client.post(path, data={"do": "take"})
    key = KEY.search(taken.text)
    assert key is not None
    form = {"do": "save:answered", "key": key[1], "score": "3", "comment": "Too <slow>", "note": "angry"}
    desk.clock.moment += timedelta(days=30)
    late = client.post(path, data=form)
    assert (late.status_code, "This link has ended" in late.text) == (410, True)
    desk.clock.moment -= timedelta(days=30)
    desk.set_wave(stage="closed")
    assert client.get(path).status_code == 410
    desk.set_wave(stage="calling")
    _post(client, desk, do="revoke", link="1")
    gone = client.post(path, data=form)
    assert gone.status_code == 410
    for words in ("nothing more is recorded", "Too &lt;slow&gt;", "angry", "gave a score"):
        assert words in gone.text
    assert client.post(path, data={"do": "keep", "key": key[1]}).get_json() == {"mine": False}
    assert not desk.world.rows(Response)
    assert desk.take(desk.caller()) == "taken"


def test_somebody_who_only_leafs_through_clients_is_stopped(
    desk: Desk, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many people in an hour a link gets no more; what is typed is still saved."""
    path = _link(client, desk)
    taken = client.post(path, data={"do": "take"})
    key = KEY.search(taken.text)
    assert key is not None
    monkeypatch.setattr("integration.services.calling.partner_log.MOST_AN_HOUR", 1)
    saved = client.post(path, data={"do": "save:no_answer", "key": key[1], "auto": "1"})
    assert saved.status_code == 200
    assert len(desk.attempts()) == 1
    assert "a lot of clients" in saved.text
    refused = client.post(path, data={"do": "take"})
    assert refused.status_code == 429
    assert "Client 12" not in refused.text
    desk.clock.moment += timedelta(hours=1)
    assert "Client 12" in client.post(path, data={"do": "take"}).text


def test_a_sheet_goes_out_and_comes_back_through_the_pages(desk: Desk, client: FlaskClient) -> None:
    """As a workbook and as CSV; previewed, taken in, reported row by row; the page keeps to its own survey."""
    out = _post(client, desk, "/out", do="out", format="xlsx")
    assert out.headers["Content-Disposition"] == 'attachment; filename="calls-2026-1.xlsx"'
    book = openpyxl.load_workbook(io.BytesIO(out.data))
    codes = [row[0].value for row in list(book.worksheets[0].rows)[1:]]
    assert len(codes) == 2
    assert _post(client, desk, "/out", do="out", format="xlsx").status_code == 422  # nobody is left
    assert _post(client, desk, do="return", sheet="1").status_code == 200
    text = _post(client, desk, "/out", do="out", format="csv", until="2026-03-02").text
    table = list(csv.reader(io.StringIO(text.lstrip("\ufeff"))))
    assert [row[0] for row in table[1:]] == codes
    assert table[1][4].startswith("'+7495")
    assert _post(client, desk, do="upload").status_code == 422
    bad = _post(client, desk, do="upload", file=(io.BytesIO(b"a,b\n1,2\n"), "x.csv"))
    assert (bad.status_code, "No column has the codes" in bad.text) == (422, True)
    desk.clock.moment += timedelta(hours=1)
    head, bad_row = "Code,Date,Time,Outcome,Score,Comment", "B1,2026-03-02,10:10,Busy"
    lines = f"{head}\n{codes[0]},2026-03-02,10:10,Gave a score,9,=1+1\n{bad_row}\n"
    look = _post(client, desk, do="upload", file=(io.BytesIO(lines.encode()), "monday.csv"))
    assert "monday.csv" in look.text
    assert not desk.attempts()
    done = _post(client, desk, "/sheet/3", do="start")
    assert done.status_code == 200
    assert [one.outcome for one in desk.attempts()] == ["answered"]
    assert _post(client, desk, "/sheet/3", do="start").status_code == 409
    assert _post(client, desk, "/sheet/1").status_code == 404  # one that is out has no rows
    report = list(
        csv.reader(io.StringIO(_post(client, desk, "/sheet/3/report", format="csv").text.lstrip("\ufeff")))
    )
    assert [(row[1], row[12], row[13]) for row in report[1:]] == [
        ("2", "taken in", ""), ("3", "not taken in", "No row of this survey’s sheets has this code."),
    ]  # fmt: skip
    assert report[1][9] == "'=1+1"
    assert "data-done" in _post(client, desk, "/sheet/3", part="progress").text
    session = frames.seal(desk.deps, report_world.viewer(desk.world, 1, administrator=True))
    assert client.post("/app/wave/99/partners", data={"session": session}).status_code == 404


def test_the_page_asks_the_database_the_same_number_of_times_whatever_there_is(
    one_engine: Engine, clock: HandClock
) -> None:
    """Links, sheets and looks are read together."""
    desk = call_states.centre(make_sessions(one_engine), clock)
    client = make_app(desk.deps).test_client()
    asked: list[str] = []
    event.listen(one_engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    page = _post(client, desk)
    for words in ("Olga", "revoked", "monday.csv", "1 row not possible", "being taken in", "203.0.113.5"):
        assert words in page.text, words
    few = len(asked)
    for number in range(8):
        call_states.make(desk, f"Caller {number}")
        call_states.upload(desk, f"{number}.csv", [f"{number};;;Busy"])
    asked.clear()
    assert "Caller 7" in _post(client, desk).text
    assert len(asked) == few
