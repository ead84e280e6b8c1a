"""Answers of old surveys become closed waves, twice the same file changes nothing, E3 knows their dates (T9)."""

from __future__ import annotations

import io
import sys
from datetime import UTC, date, datetime

import openpyxl
import pytest

from integration.bitrix.errors import Retryable
from integration.services import past_answers, waves
from integration.services.past_answers import Imported, ImportRefused, table_of
from integration.store import past_answers as rows
from integration.store.base import Sessions, reading, transaction
from integration.store.clients import Company
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal
from integration.store.responses import Response, ResponseRevision
from integration.store.waves import Invitation, Wave, WaveClient, WaveEvent
from tests.conftest import HandClock, a_portal
from tests.services.wave_world import World, make_world

HEAD = ["client", "company id", "contact id", "email", "score", "comment", "date", "channel"]


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    made = make_world(sessions, clock)
    made.clock.moment = datetime(2026, 1, 10, 9, tzinfo=UTC)
    for number in (2, 3, 4):
        made.client(number, people=2, title=f"Фирма {number}")
    made.client(5, title="Двойник")
    made.client(6, title=" двойник ")
    made.person(70)
    return made


def put(world: World, *lines: list[str], wave: str = "2024", **more: bool) -> Imported:
    return past_answers.import_answers(
        world.deps, world.portal_id, [HEAD, *lines], wave=wave, who="Анна", source="old.csv", **more
    )


def line(score: str = "9", day: str = "2024-10-03", **named: str) -> list[str]:
    named = {"score": score, "date": day} | {name.replace("_", " "): value for name, value in named.items()}
    return [named.get(heading, "") for heading in HEAD]


def test_a_file_becomes_a_closed_wave_and_nothing_else_happens(world: World) -> None:
    done = put(
        world,
        line("10", client="фирма  2", comment="Спасибо <b>вам</b> 👏", channel="phone"),
        line("3", "01.11.2024 10:30", company_id="3", email="P301@client.example.com"),
        line("8", contact_id="70"),
    )
    assert (done.taken, done.clients, done.unchanged, done.problems) == (3, 3, 0, ())
    assert (done.nps, done.first, done.last) == (0.0, date(2024, 10, 3), date(2024, 11, 1))
    wave = world.wave()
    assert (wave.name, wave.origin, wave.stage, wave.step_due_at) == ("2024", "import", "closed", None)
    assert wave.closed_at == datetime(2024, 11, 1, 7, 30, tzinfo=UTC)
    assert wave.result["clients"]["n"] == wave.result["clients"]["base"] == 3
    assert wave.result["by_channel"].keys() == {"import"}
    assert {(r.client_kind, r.client_id, r.eligible, r.name) for r in world.rows(WaveClient)} == {
        ("company", 2, True, "Фирма 2"),
        ("company", 3, True, "Фирма 3"),
        ("contact", 70, True, "Один Одинокий-70"),
    }
    invited = world.invitations()
    assert set(invited) - {301, 70} == {min(invited)}
    assert min(invited) < 0
    assert invited[min(invited)].outcome_detail == {"channel": "phone", "source": "old.csv", "row": 2}
    assert {(i.outcome, i.due_at, i.revoked_at) for i in invited.values()} == {
        ("answered", None, world.clock.now())
    }
    answers = world.rows(Response)
    assert [(a.score, a.channel, a.status, a.recorded_by) for a in answers] == [
        (score, "import", "counted", "Анна") for score in (10, 3, 8)
    ]
    assert answers[0].comment == "Спасибо <b>вам</b> 👏"
    assert len(world.rows(ResponseRevision)) == 3
    assert [event.what for event in world.events()] == ["imported"]
    world.tick()
    assert world.rows(LetterRow) == world.rows(OutboxRow) == []


def everything(world: World) -> list[object]:
    tables = (Wave, WaveClient, Invitation, Response, ResponseRevision, WaveEvent)
    return [
        [getattr(row, column.name) for column in table.__table__.columns]
        for table in tables
        for row in world.rows(table)
    ]


def test_the_same_file_twice_changes_nothing_and_a_longer_one_adds_only_what_is_new(world: World) -> None:
    first = [line(client="Фирма 2"), line("7", email="p301@client.example.com"), line("1", client="Фирма 4")]
    put(world, *first)
    before = everything(world)
    again = put(world, *first)
    assert (again.taken, again.unchanged, again.problems) == (0, 3, ())
    assert everything(world) == before
    more = put(world, *first, line("10", client="Фирма 3", email="new@client.example.com"))
    assert (more.taken, more.unchanged) == (1, 3)
    assert [r.client_id for r in world.rows(WaveClient)] == [2, 3, 4]
    assert world.wave().result["answers"]["n"] == 4


def test_a_preview_writes_nothing_and_promises_what_the_import_then_does(world: World) -> None:
    lines = [line(client="Фирма 2"), line(client="Никто")]
    before = everything(world)
    promised = put(world, *lines, dry_run=True)
    assert everything(world) == before
    assert promised.dry_run
    done = put(world, *lines)
    assert (done.taken, done.clients, done.problems) == (promised.taken, promised.clients, promised.problems)


def test_bad_rows_are_named_by_number_and_do_not_stop_the_others(world: World) -> None:
    done = put(
        world,
        line(client="Фирма 2"),
        line("11", client="Фирма 3"),
        line(client="Фирма 99"),
        line(client="Двойник"),
        line(client="Северный ветер"),
        line(company_id="2", contact_id="300"),
        line(contact_id="999999"),
        line(email="stranger@example.com"),
        line("5", "2024-10-09", client="Фирма 2", email="p200@client.example.com"),
        line("6", "2024-10-09", contact_id="200"),
        line(day="2026-02-01", client="Фирма 3"),
    )
    assert [(p.number, p.code) for p in done.problems] == [
        (3, "not_a_score"), (4, "no_such_client"), (5, "ambiguous_client"), (6, "own_company"),
        (7, "of_another_client"), (8, "no_such_person"), (9, "no_such_person"), (11, "twice"), (12, "in_future"),
    ]  # fmt: skip
    assert done.taken == 2
    assert done.problems[2].detail == "5, 6"


def test_an_address_on_cards_of_two_clients_is_reported_and_the_client_s_name_settles_it(
    world: World,
) -> None:
    world.contacts.emails[200] = world.contacts.emails[300] = ["both@client.example.com"]
    done = put(world, line(email="both@client.example.com"))
    assert [(p.code, p.detail) for p in done.problems] == [("ambiguous_person", "200, 300")]
    done = put(world, line(email="Both@Client.example.com", client="Фирма 3"))
    assert done.taken == 1
    assert list(world.invitations()) == [300]


def test_an_answer_that_changed_in_the_file_is_reported_and_the_stored_one_stays(world: World) -> None:
    put(world, line("9", contact_id="200"))
    done = put(world, line("2", contact_id="200"))
    assert [(p.number, p.code, p.detail) for p in done.problems] == [(2, "differs", "9")]
    assert [answer.score for answer in world.rows(Response)] == [9]


def test_who_answered_an_imported_survey_lately_is_not_asked_again(world: World) -> None:
    """300 days before the list is frozen (product.md E3); older answers and other clients do not count."""
    put(
        world, line(day="2025-09-01", client="Фирма 2"), line(day="2025-03-01", client="Фирма 3"), wave="2025"
    )
    wave_id = world.planned()
    waves.rehearse(world.deps, world.portal_id, wave_id)
    reasons = {row.client_id: row.reason for row in world.rows(WaveClient) if row.wave_id == wave_id}
    assert (reasons[2], reasons[3], reasons[4]) == ("asked_recently", "", "")


def test_the_machine_plans_and_lists_waves_beside_imported_ones(world: World) -> None:
    put(world, line(client="Фирма 2"))
    wave_id = world.planned()
    assert [(w["name"], w["stage"], w["starts"]) for w in waves.overview(world.deps, world.portal_id)] == [
        ("2026", "draft", "2026-03-02"),
        ("2024", "closed", "2024-10-03"),
    ]
    with pytest.raises(ImportRefused) as caught:
        put(world, line(client="Фирма 2"), wave="2026")
    assert caught.value.code == "name_taken"
    assert wave_id > 0


def test_another_portal_s_cards_and_waves_are_neither_found_nor_touched(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        session.add(a_portal(member_id="m-other", domain="other.example"))
        session.flush()
        other = session.query(Portal).filter_by(member_id="m-other").one().id
        session.add(Company(portal_id=other, id=900, title="Чужая"))
        session.add(Company(portal_id=other, id=2, title="Соседи"))
    done = put(world, line(client="Чужая"), line(company_id="900"), line(client="Фирма 2"))
    assert [(p.number, p.code) for p in done.problems] == [(2, "no_such_client"), (3, "no_such_client")]
    wave = world.wave()
    with reading(world.deps.sessions) as session:
        assert rows.wave_named(session, other, "2024") is None
        assert rows.lines(session, other, wave.id) == {} == rows.answers(session, other, wave.id)
        assert rows.asked_in_imports(session, other, 0) == []
        assert len(rows.asked_in_imports(session, world.portal_id, 0)) == 1
        with pytest.raises(LookupError):
            rows.span(session, other, wave.id)
    with transaction(world.deps.sessions) as session:
        assert rows.forget(session, other, wave.id) == 0
        assert rows.forget(session, world.portal_id, wave.id) == 1
    assert world.rows(Response) == world.rows(Wave) == []


@pytest.mark.parametrize(
    ("portal", "wave", "code"),
    [(0, "2024", "no_such_portal"), (1, " ", "bad_name"), (1, "x" * 33, "bad_name")],
)
def test_an_import_that_makes_no_sense_is_refused_whole(
    world: World, portal: int, wave: str, code: str
) -> None:
    with pytest.raises(ImportRefused) as caught:
        past_answers.import_answers(
            world.deps, portal * world.portal_id, [HEAD, line(client="Фирма 2")], wave=wave, who="Анна"
        )
    assert caught.value.code == code
    assert world.rows(Wave) == []


def test_a_portal_that_does_not_answer_or_is_not_read_yet_stops_the_import(world: World) -> None:
    world.contacts.fail = [Retryable("batch", "QUERY_LIMIT_EXCEEDED", effect="none")]
    with pytest.raises(ImportRefused) as caught:
        put(world, line(email="p200@client.example.com"))
    assert caught.value.code == "portal_busy"
    world.set(Portal, world.portal_id, synced_at=None)
    with pytest.raises(ImportRefused) as caught:
        put(world, line(client="Фирма 2"))
    assert caught.value.code == "not_synced"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_files_of_any_usual_encoding_and_delimiter_are_tables(encoding: str, delimiter: str) -> None:
    text = f'Клиент{delimiter}Оценка\r\n"Рога{delimiter} копыта\nи сын"{delimiter}9\r\n'
    assert table_of("a.csv", text.encode(encoding)) == [
        ["Клиент", "Оценка"],
        [f"Рога{delimiter} копыта\nи сын", "9"],
    ]


def test_a_workbook_s_first_sheet_is_a_table_and_a_broken_one_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    book, file = openpyxl.Workbook(), io.BytesIO()
    noon = datetime(2024, 5, 1, 9, 5, tzinfo=UTC).replace(tzinfo=None)
    for row in (("client", "score", "date"), ("A", 9, noon.replace(hour=0, minute=0)), (None, 9.5, noon)):
        book.active.append(row)
    book.create_sheet("second").append(("not", "read"))
    book.save(file)
    assert table_of("A.XLSX", file.getvalue()) == [
        ["client", "score", "date"], ["A", "9", "2024-05-01"], ["", "9.5", "2024-05-01 09:05:00"],
    ]  # fmt: skip
    for broken in (b"PK nonsense", file.getvalue()[:-200], b""):
        with pytest.raises(ImportRefused) as caught:
            table_of("a.xlsx", broken)
        assert caught.value.code == "not_a_table"
    monkeypatch.setitem(sys.modules, "openpyxl", None)  # as where the extra is not installed
    with pytest.raises(ImportRefused) as caught:
        table_of("a.xlsx", file.getvalue())
    assert caught.value.code == "no_xlsx"
