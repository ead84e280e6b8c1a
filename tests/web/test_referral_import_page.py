"""The pages of past referrals: a file is shown before it is entered, decided on, entered, reported, taken back (P4)."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from integration.services import chores, frames, referral_imports
from integration.store.base import make_sessions
from integration.store.outbox import OutboxRow
from integration.store.referral_import_rows import ReferralImport, ReferralImportRow
from tests.conftest import HandClock
from tests.services import report_world
from tests.services.import_world import HEAD, ImportWorld, import_world
from tests.services.wave_world import MANAGER
from tests.web.conftest import make_app

PATH = "/app/referrals/import"


@pytest.fixture
def place(one_engine: Engine, clock: HandClock) -> ImportWorld:
    made = import_world(make_sessions(one_engine), clock)
    report_world.beat(made.world)
    return made


@pytest.fixture
def client(place: ImportWorld) -> FlaskClient:
    return make_app(place.world.deps).test_client()


def post(place: ImportWorld, client: FlaskClient, path: str, user: int = 1, **fields: Any) -> Any:
    who = report_world.viewer(place.world, user, administrator=user == 1, language="en")
    return client.post(path, data={"session": frames.seal(place.world.deps, who), **fields})


def upload(place: ImportWorld, client: FlaskClient, *lines: str, name: str = "past.csv", **more: Any) -> Any:
    data = "\n".join([HEAD, *lines]).encode("cp1251")
    return post(place, client, PATH, do="upload", file=(io.BytesIO(data), name), **more)


def work(place: ImportWorld) -> None:
    while chores.run_due(place.world.deps):
        pass


def test_a_file_goes_from_the_choice_to_the_cards_and_back(place: ImportWorld, client: FlaskClient) -> None:
    """Preview, a choice, another name, taking over as a chore, the report, the way back; nothing is written before."""
    page = upload(
        place,
        client,
        "Орион;Вега;12.03.2021",
        "Ромашка;Вега;12.03.2021",
        "Лири;Вега;=1+1",
        name="C:\\my\\<b>.csv",
    )
    assert page.status_code == 200
    assert "&lt;b&gt;.csv" in page.text
    assert "Several cards have this name." in page.text
    assert place.world.rows(OutboxRow) == []
    (made,) = place.world.rows(ReferralImport)
    path = f"{PATH}/{made.id}"
    wrong = post(place, client, path, do="decide", number="3", side="client", said=" ")
    assert (wrong.status_code, "Type whom you mean" in wrong.text) == (409, True)
    page = post(place, client, path, do="decide", number="3", side="client", pick="company:5", said="")
    assert "Take over 2 rows" in page.text
    page = post(place, client, path, do="start")
    assert "The list is being taken over." in page.text
    assert "Being taken over" in post(place, client, path, part="progress").text
    work(place)
    assert "data-done" in post(place, client, path, part="progress").text
    page = post(place, client, path)
    assert "Taken over" in page.text
    (kept,) = {made.who for made in place.world.rows(ReferralImport)}
    assert (kept in page.text, kept.partition(" (")[0] in page.text) == (False, True)
    assert (
        len(
            [
                row
                for row in place.world.rows(OutboxRow)
                if row.purpose == "referral" and row.lane.startswith("company:")
            ]
        )
        == 2
    )
    csv = post(place, client, f"{path}/report", format="csv")
    assert csv.headers["Content-Disposition"] == f'attachment; filename="referrals-import-{made.id}.csv"'
    lines = csv.get_data(as_text=True).splitlines()
    assert "taken over" in lines[1]
    assert "“=1+1” is no date." in lines[3]
    sheet = openpyxl.load_workbook(
        io.BytesIO(post(place, client, f"{path}/report", format="xlsx").data)
    ).active
    assert [cell.value for cell in sheet[2]][:3] == [2, "Орион", "Вега"]
    post(place, client, path, do="undo")
    work(place)
    assert "taken back" in post(place, client, path).text
    assert {row.status for row in place.world.rows(ReferralImportRow)} == {"undone", "bad"}


def test_what_is_no_list_is_said_and_nothing_is_kept(place: ImportWorld, client: FlaskClient) -> None:
    book = io.BytesIO()
    openpyxl.Workbook().save(book)
    for name, data, said in (
        ("a.csv", b"", "Choose a file first."),
        ("a.xlsx", b"PK\x03\x04 broken", "neither a CSV file nor a workbook"),
        ("a.xlsx", book.getvalue(), "The file has no rows."),
        ("a.csv", b"x;y\n1;2\n", "No column says who the client is."),
        ("a.csv", b"Client;Date\nA;2021-01-02\n", "No column says who recommended."),
        ("a.csv", b"Client;Company;Referrer;Date\n", "Two columns mean the same."),
        ("a.csv", b"a\n" * 20_005, "The file is too big"),
    ):
        page = post(place, client, PATH, do="upload", file=(io.BytesIO(data), name))
        assert (page.status_code, said in page.text) == (422, True), said
    assert (
        post(place, client, PATH, do="upload", file=(io.BytesIO(b"x" * 6_000_000), "a.csv")).status_code
        == 413
    )
    assert post(place, client, PATH, order="ymd").status_code == 400
    assert place.world.rows(ReferralImport) == []


def test_a_long_list_waits_for_the_chore_and_can_be_left_alone(
    place: ImportWorld, client: FlaskClient
) -> None:
    page = upload(place, client, *(f"Клиент {number};Вега;12.03.2021" for number in range(41)))
    assert 'data-part="progress"' in page.text
    (made,) = place.world.rows(ReferralImport)
    assert made.stage == "looking"
    work(place)
    assert place.shown(made.id).brief.counts == {"choose": 41}
    page = post(place, client, f"{PATH}/{made.id}", do="drop")
    assert page.status_code == 200
    assert place.world.rows(ReferralImportRow) == []
    assert post(place, client, f"{PATH}/{made.id}").status_code == 404


def test_candidates_are_named_or_accepted_only_by_a_person(place: ImportWorld, client: FlaskClient) -> None:
    place.lead(1, "RECOMMENDATION")
    place.lead(2, "RECOMMENDATION")
    page = post(place, client, f"{PATH}/sources")
    assert ("Лид 1" in page.text, "Лид 2" in page.text, place.world.rows(ReferralImport)) == (True, True, [])
    assert post(place, client, f"{PATH}/sources", do="check", card="lead:1").status_code == 422
    page = post(
        place, client, f"{PATH}/sources", do="check", card=["lead:1", "lead:2", "company:9", "x"], take="lead:1",
        **{"said-lead:2": "Вега", "day-lead:2": "2021-01-02", "day-lead:1": "never", "name-lead:1": "Лид 1"},
    )  # fmt: skip
    assert "Take over 2 rows" in page.text
    rows = place.world.rows(ReferralImportRow)
    assert [(row.client_id, row.source, row.referrer, str(row.day)) for row in rows] == [
        (1, "unknown", "", "2025-02-03"), (2, "", "Вега", "2021-01-02"),
    ]  # fmt: skip
    assert place.world.rows(OutboxRow) == []


def test_only_administrators_see_and_do_any_of_it(place: ImportWorld, client: FlaskClient) -> None:
    number = place.looked("Орион;Вега;12.03.2021")
    for path, do in (
        (PATH, "upload"),
        (f"{PATH}/{number}", "start"),
        (f"{PATH}/{number}/report", ""),
        (f"{PATH}/sources", "all"),
    ):
        assert post(place, client, path, MANAGER, do=do).status_code == 403
    assert referral_imports.start(place.world.deps, place.world.portal_id, number) == "done"
