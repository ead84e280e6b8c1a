"""A call centre works with a sheet, out and in: nothing twice, a bad row stops no other (product.md W9)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import openpyxl
import pytest
from sqlalchemy import Engine, select

from integration import i18n
from integration.nps import call_sheets as rules
from integration.services import chores, policies, waves
from integration.services.calling import (
    record,
    sheet_apply,
    sheet_book,
    sheet_out,
    sheet_page,
    sheet_words,
    sheets,
    yields,
)
from integration.services.calling.sheet_codes import ALPHABET, by_code, code_of
from integration.services.past_tables import ImportRefused
from integration.services.waves_errors import WaveError
from integration.store.attempts import CallLease
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.call_links import CallView
from integration.store.call_sheets import CallSheet, CallSheetRow
from integration.store.clients import OptOut
from integration.store.reports import EVERYONE
from integration.store.responses import Response
from integration.store.waves import Invitation, Wave, WaveClient
from tests.conftest import HandClock
from tests.services.calling import desk_world
from tests.services.calling.desk_world import MONDAY, Desk

HEAD = ("Code", "Date", "Time", "Outcome", "Score", "Comment", "Call back at", "Who called")
Line = tuple[Any, ...]


@pytest.fixture
def desk(one_engine: Engine, clock: HandClock) -> Desk:
    return desk_world.make(make_sessions(one_engine), clock, people={11: 1, 12: 1, 13: 1, 14: 1, 15: 1})


def _out(desk: Desk, **more: Any) -> dict[int, str]:
    """Take a sheet out: the code of each person on it, by contact."""
    taken = sheet_out.take_out(desk.deps, desk.world.portal_id, desk.wave_id, who="Boss (1)", **more)
    names = {one.person: one.code for one in taken.people}
    return {contact: names[f"Person {contact}"] for contact in desk.ids if f"Person {contact}" in names}


def _file(lines: Iterable[Line], head: Line = HEAD) -> bytes:
    book = openpyxl.Workbook()
    for line in (head, *lines):
        book.active.append(list(line))  # type: ignore[union-attr]
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _begin(desk: Desk, data: bytes, name: str = "calls.xlsx") -> int:
    return sheets.begin(desk.deps, desk.world.portal_id, desk.wave_id, name, data, who="Boss (1)")


def _start(desk: Desk, sheet: int) -> None:
    assert sheets.start(desk.deps, desk.world.portal_id, desk.wave_id, sheet, who="Boss (1)") == "done"
    while chores.run_due(desk.deps):
        pass


def _rows(desk: Desk, sheet: int) -> list[tuple[int, str, str]]:
    return [(row.number, row.status, ",".join(row.codes)) for row in sheet_page.report(desk.deps, 1, sheet)]


def _counts(desk: Desk, sheet: int) -> Mapping[str, int]:
    found = sheet_page.show(desk.deps, desk.world.portal_id, desk.wave_id, sheet)
    assert found is not None
    return found.brief.counts


def _calls(desk: Desk) -> list[tuple[int, str, str]]:
    contacts = {number: contact for contact, number in desk.ids.items()}
    return [(contacts[one.invitation_id], one.outcome, one.caller_name) for one in desk.attempts()]


def test_a_code_names_one_person_and_tells_nothing() -> None:
    """Unguessable, the same again and again, a letter first, no number of a card in it."""
    codes = {code_of("secret", number) for number in range(2000)}
    assert len(codes) == 2000
    assert code_of("secret", 7) == code_of("secret", 7) != code_of("other", 7)
    assert all(set(code) <= {*ALPHABET, "-"} for code in codes)
    assert all(code[0].isalpha() and len(code) == 14 for code in codes)
    assert by_code("secret", [7]) == {code_of("secret", 7).replace("-", ""): 7}
    assert by_code(None, [7]) == {}


def test_a_sheet_has_everybody_to_be_called_and_they_are_in_nobody_elses_hands(
    sessions: Sessions, clock: HandClock
) -> None:
    """With phone, clock and wording in their language; not who is done, held, in hand or has no number; logged."""
    desk = desk_world.make(sessions, clock, people={11: 2, 12: 1, 13: 1, 14: 1, 15: 1, 16: 1})
    deps, portal = desk.deps, desk.world.portal_id
    desk.set(1200, outcome="answered")
    desk.set(1300, phone="")
    desk.set(1400, language="uk", time_zone="Asia/Novosibirsk", name="=HYPERLINK(1)")
    desk.world.set(
        WaveClient, desk.one(1500).wave_client_id, reason="excluded_by_hand", reason_detail="Ada: no"
    )
    desk.set(1600, call_due_at=MONDAY - timedelta(hours=9))
    desk.set(1600, promised_at=MONDAY)
    desk.taken()  # an employee has client 16
    taken = sheet_out.take_out(deps, portal, desk.wave_id, who="Boss (1)", remote="203.0.113.5")
    assert [one.person for one in taken.people] == ["Person 1100", "Person 1101", "=HYPERLINK(1)"]
    assert taken.people[0].email == "p…@client.example.com"
    assert taken.people[2].script.language == "uk"
    assert taken.until == datetime(2026, 3, 3, 21, tzinfo=UTC)  # the next working day through
    assert desk.take(desk.caller(desk_world.BEN)) == "nobody"
    with pytest.raises(WaveError, match="nobody"):
        _out(desk)
    (look,) = desk.world.rows(CallView)
    assert (look.what, look.who, look.count, look.remote) == ("sheet", "Boss (1)", 3, "203.0.113.5")
    brief = sheet_page.latest(deps, portal, desk.wave_id)[0]
    assert (brief.stage, brief.people, brief.reserved) == ("out", 3, 2)
    assert sheet_out.give_back(deps, portal, desk.wave_id + 1, brief.id) == 0
    assert sheet_out.give_back(deps, portal, desk.wave_id, brief.id) == 2
    assert desk.take(desk.caller(desk_world.BEN)) == "taken"
    span = sheet_out.span(deps, portal, desk.wave_id)
    assert span is not None
    assert (span.first, span.proposed, span.last) == (date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 9))
    for code, until in (("end_past", date(2026, 3, 1)), ("end_late", date(2026, 3, 10))):
        with pytest.raises(WaveError, match=code):
            _out(desk, until=until)
    desk.set_wave(stage="paused", paused_from="calling")
    with pytest.raises(WaveError, match="no_calls"):
        _out(desk)
    desk.set_wave(stage="closed")
    with pytest.raises(WaveError, match="is_over"):
        _out(desk)


def test_the_workbook_is_harmless_and_reads_back_in_every_language(desk: Desk) -> None:
    """No formula whatever people are called; outcomes from a list; both its sheets are understood as they come back."""
    desk.set(1100, name='=cmd|" /C calc"!A0', phone="+74951234567")
    taken = sheet_out.take_out(desk.deps, desk.world.portal_id, desk.wave_id, who="Boss (1)")
    for language in i18n.LANGUAGES:
        out = io.BytesIO()
        sheet_book.write(taken, language, out)
        book = openpyxl.load_workbook(io.BytesIO(out.getvalue()))
        people, calls, legend = book.worksheets
        assert {cell.data_type for page in book.worksheets for row in page for cell in row} <= {
            "s",
            "n",
            "inlineStr",
        }
        for page in (people, calls):
            (rule,) = page.data_validations.dataValidation
            assert rule.formula1.startswith(("'", legend.title))
        assert legend.max_row == 1 + len(sheet_words.OUTCOMES)
        headings = [str(cell.value) for cell in people[1]]
        assert rules.columns(headings).keys() == set(rules.FIELDS)
        assert rules.columns([str(cell.value) for cell in calls[1]]).keys() == set(rules.FIELDS)
        assert (rules.kind_of(headings), rules.kind_of([str(cell.value) for cell in calls[1]])) == (
            "people",
            "calls",
        )
        place = headings.index(str(calls.cell(1, 4).value)) + 1
        words = sheet_words.outcomes()
        for row in range(2, legend.max_row + 1):
            assert rules.fold(str(legend.cell(row, 1).value)) in words
        people.cell(2, place, legend.cell(4, 1).value)  # no answer
        people.cell(2, place - 2, date(2026, 3, 2))
        people.cell(2, place - 1, "10:05")
        calls.append([taken.people[1].code, "02.03.2026", "10:06", legend.cell(2, 1).value, 9, "+1"])
        back = io.BytesIO()
        book.save(back)
        desk.clock.moment = MONDAY + timedelta(hours=1)
        sheet = _begin(desk, back.getvalue())
        assert _rows(desk, sheet) == [(2, "new", ""), (2, "new", "")], language
    _start(desk, sheet)
    assert _calls(desk) == [(1100, "no_answer", "Boss (1)"), (1200, "answered", "Boss (1)")]
    (answer,) = desk.world.rows(Response)
    assert (answer.score, answer.comment, answer.channel, answer.recorded_by) == (
        9,
        "+1",
        "phone",
        "Boss (1)",
    )


def test_the_same_sheet_once_more_changes_nothing_and_rows_come_in_order_of_time(
    sessions: Sessions, clock: HandClock
) -> None:
    """Whatever the order in the file; brought back again, also with new rows, what was there is there once."""
    desk = desk_world.make(sessions, clock, people={11: 1, 12: 1})
    codes = _out(desk)
    desk.clock.moment = datetime(2026, 3, 4, 12, tzinfo=UTC)
    lines: list[Line] = [
        (codes[1100], "2026-03-03", "11:00", "Gave a score", 8, "Well", "", "Olga"),
        (codes[1200], "2026-03-03", "10:30", "Call back later", "", "", "2026-03-05 15:00", "Ira"),
        (codes[1100].lower(), "02.03.2026", "16:00", "No answer", None, None, None, "Olga"),
        (codes[1100], "2026-03-02", "10:30", "Busy", "", "", "", "Ira"),
    ]
    sheet = _begin(desk, _file(lines))
    assert _counts(desk, sheet) == {"new": 4}
    assert not desk.attempts()  # only looked at
    _start(desk, sheet)
    done = [
        (1100, "busy", "Ira"),
        (1100, "no_answer", "Olga"),
        (1200, "call_back", "Ira"),
        (1100, "answered", "Olga"),
    ]
    assert _calls(desk) == done
    assert [one.number for one in desk.attempts() if one.invitation_id == desk.ids[1100]] == [1, 2, 3]
    assert desk.one(1100).outcome == "answered"
    assert desk.one(1200).promised_at == datetime(2026, 3, 5, 12, tzinfo=UTC)
    assert not [
        one for one in desk.leases() if one.holder.startswith("sheet:")
    ]  # called, so nobody's any more
    again = _begin(desk, _file([*lines, (codes[1200], "2026-03-04", "14:00", "No answer")]))
    assert _counts(desk, again) == {"same": 4, "new": 1}
    _start(desk, again)
    assert _calls(desk) == [*done, (1200, "no_answer", "Boss (1)")]
    third = _begin(desk, _file(lines))
    assert _counts(desk, third) == {"same": 4}
    assert sheets.start(desk.deps, 1, desk.wave_id, third, who="B") == "nothing"
    assert sheets.drop(desk.deps, 1, desk.wave_id, third) == "done"
    assert sheets.drop(desk.deps, 1, desk.wave_id, third) == "late"
    assert sheets.start(desk.deps, 1, desk.wave_id + 1, again, who="B") == "gone"
    changed = _begin(desk, _file([(*lines[0][:4], 3), (codes[1200], "2026-03-03", "10:30", "Refused")]))
    assert _rows(desk, changed) == [(2, "refused", "differs"), (3, "refused", "differs")]
    assert len(desk.world.rows(Response)) == 1


def test_the_console_tells_who_is_on_a_sheet_from_who_is_on_the_phone(desk: Desk) -> None:
    """Nobody is said to be callable in the evening, though slots of the day stand until somebody opens the desk."""

    def waiting() -> tuple[int, int, int, int]:
        with transaction(desk.deps.sessions) as session:
            wave = session.get_one(Wave, desk.wave_id)
            policy, _ = policies.load(session, desk.world.portal_id)
            found = yields.waiting(session, wave, EVERYONE, policy, desk.clock.now())
        assert found is not None
        return found.due, found.later, found.in_hand, found.on_sheet

    desk.taken()
    _out(desk)
    assert waiting() == (5, 0, 1, 4)
    desk.clock.moment = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)  # the morning's slot is over, the day is not
    assert waiting() == (5, 0, 0, 4)
    desk.clock.moment = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)  # 19:00 in Moscow
    assert waiting() == (0, 5, 0, 4)


def test_an_earlier_call_of_a_sheet_does_not_shorten_the_wait_after_a_later_one(
    one_engine: Engine, clock: HandClock
) -> None:
    """Waits count from the last call as it happened, not from the one that was brought last."""
    desk = desk_world.make(make_sessions(one_engine), clock, policy={"attempts_per_day": 4})
    codes = _out(desk)
    assert sheet_out.give_back(desk.deps, desk.world.portal_id, desk.wave_id, 1) == 1
    desk.clock.moment = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # noon in Moscow
    assert desk.call("no_answer").status == "done"
    _start(desk, _begin(desk, _file([(codes[1100], "2026-03-02", "10:10", "Busy")])))
    due = desk.one().call_due_at
    assert (len(desk.attempts()), due is not None) == (2, True)
    assert due is not None
    assert due >= desk.clock.now() + timedelta(hours=3)


def test_people_of_one_client_stay_with_the_sheet_until_all_of_them_were_called(desk: Desk) -> None:
    """One answered, the colleague is still the call centre's; a letter waits for the one who is in hand alone."""
    with transaction(desk.deps.sessions) as session:
        one = session.get_one(Invitation, desk.ids[1100])
        names = [column.name for column in Invitation.__table__.columns if column.name not in ("id", "token")]
        other = Invitation(**{name: getattr(one, name) for name in names}, token="t1101")
        other.contact_id, other.name, other.phone = 1101, "Person 1101", "+74951001101"
        session.add(other)
        session.flush()
        desk.ids[1101] = other.id
    codes = _out(desk)
    desk.clock.moment = MONDAY + timedelta(hours=1)
    for contact, left in ((1100, {desk.ids[1101]}), (1101, set())):
        _start(
            desk, _begin(desk, _file([(codes[contact], "2026-03-02", f"10:{contact - 1090}", "No answer")]))
        )
        leases = {
            lease.invitation_id
            for lease in desk.leases()
            if lease.wave_client_id == desk.one(1100).wave_client_id
        }
        assert leases == left


def test_answers_that_come_after_the_survey_count_while_the_result_is_preliminary(desk: Desk) -> None:
    """The closing is no reason to lose what a client has said; that nobody picked up changes nothing any more."""
    codes = _out(desk)
    desk.clock.moment = MONDAY + timedelta(hours=1)
    desk.set(1100, outcome="no_answer")
    desk.set_wave(stage="closed", closed_at=desk.clock.moment)
    lines = [
        (codes[1100], "2026-03-02", "10:10", "Gave a score", 9),
        (codes[1200], "2026-03-02", "10:10", "Busy"),
    ]
    sheet = _begin(desk, _file(lines))
    _start(desk, sheet)
    assert _rows(desk, sheet) == [(2, "done", ""), (3, "refused", "over")]
    assert desk.one(1100).outcome == "answered"
    desk.set_wave(result_frozen_at=desk.clock.moment)
    late = _begin(desk, _file([(codes[1300], "2026-03-02", "10:10", "Gave a score", 9)]))
    assert _rows(desk, late) == [(2, "refused", "over")]


def test_clients_excluded_meanwhile_are_reported_and_stop_nobody(desk: Desk) -> None:
    """At the preview and, if it happens later, when the rows are taken; "never again" is honoured all the same."""
    codes = _out(desk)
    desk.clock.moment = MONDAY + timedelta(hours=3)
    waves.exclude(
        desk.deps, desk.world.portal_id, desk.wave_id, desk.one(1100).wave_client_id, "Boss", "left us"
    )
    lines: list[Line] = [
        (codes[1100], "2026-03-02", "10:10", "No answer"), (codes[1200], "2026-03-02", "10:20", "No answer"),
        (codes[1300], "2026-03-02", "10:30", "Never again"), (codes[1400], "2026-03-02", "10:40", "Gave a score", 10),
    ]  # fmt: skip
    sheet = _begin(desk, _file(lines))
    assert _rows(desk, sheet)[0] == (2, "refused", "excluded")
    for contact in (1200, 1300):
        waves.exclude(
            desk.deps, desk.world.portal_id, desk.wave_id, desk.one(contact).wave_client_id, "Boss", "x"
        )
    _start(desk, sheet)
    assert _rows(desk, sheet) == [
        (2, "refused", "excluded"), (3, "refused", "excluded"), (4, "done", ""), (5, "done", ""),
    ]  # fmt: skip
    assert _calls(desk) == [(1300, "never", "Boss (1)"), (1400, "answered", "Boss (1)")]
    with transaction(desk.deps.sessions) as session:
        assert {row.contact_id for row in session.scalars(select(OptOut))} == {1300}
    assert desk.one(1400).outcome == "answered"


def test_bad_rows_are_named_by_number_and_calls_beyond_the_rules_are_marked(desk: Desk) -> None:
    """An unknown code, no e-mail for a letter, a promise at night; too many calls are on record as they happened."""
    codes = _out(desk)
    desk.set(1500, address="")
    desk.clock.moment = datetime(2026, 3, 3, 12, tzinfo=UTC)
    desk.world.answer(1400, 7)
    lines: list[Line] = [
        ("BBBB-BBBB-BBBB", "2026-03-02", "10:10", "No answer"),
        (codes[1500], "2026-03-02", "10:10", "By e-mail, please"),
        (codes[1200], "2026-03-02", "10:10", "Call back later", "", "", "2026-03-04 23:00"),
        (codes[1100], "2026-03-02", "10:10", "Busy"), (codes[1100], "2026-03-02", "11:10", "Busy"),
        (codes[1100], "2026-03-02", "12:10", "Busy"), (codes[1100], "2026-03-02", "22:10", "Busy"),
        (codes[1400], "2026-03-02", "10:10", "Gave a score", 2),
        (codes[1300], "2026-03-02", "10:10", "Gave a score", 2),
        (codes[1300], "2026-03-02", "10:10", "Gave a score", 9),
        ("", "", "", "", "", "", "", ""),
        (codes[1300], "yesterday", "10:10", "No answer"),
    ]  # fmt: skip
    sheet = _begin(desk, _file(lines))
    _start(desk, sheet)
    assert _rows(desk, sheet) == [
        (2, "refused", "unknown_code"), (3, "refused", "no_address"), (4, "refused", "call_back_outside_hours"),
        (5, "done", ""), (6, "done", ""), (7, "done", "too_often_today"), (8, "done", "too_often_today,outside_hours"),
        (9, "done", "answered"), (10, "refused", "contradicts"), (11, "refused", "contradicts"),
        (13, "refused", "bad_date"),
    ]  # fmt: skip
    assert [one.score for one in desk.world.rows(Response)] == [7]
    assert _counts(desk, sheet) == {"done": 5, "refused": 6}


def test_a_killed_import_goes_on_where_it_stopped(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every row, before and after its call is written: nothing is lost and nothing is there twice; a fault of ours
    is one row's alone."""
    codes = _out(desk)
    desk.clock.moment = MONDAY + timedelta(hours=5)
    lines = [(codes[contact], "2026-03-02", f"10:{contact // 100}", "No answer") for contact in desk.ids]
    sheet = _begin(desk, _file(lines))
    assert sheets.start(desk.deps, 1, desk.wave_id, sheet, who="B") == "done"
    real = record.record_in

    class Killed(BaseException):
        """As `kill -9`: no handler sees it."""

    def after(*args: Any, **words: Any) -> Any:
        real(*args, **words)
        raise Killed

    for _ in range(len(lines)):
        monkeypatch.setattr(record, "record_in", after)
        with pytest.raises(Killed):
            sheet_apply.step(desk.deps, 1, sheet)
        monkeypatch.setattr(record, "record_in", real)
        assert sheet_apply.step(desk.deps, 1, sheet)
    assert not sheet_apply.step(desk.deps, 1, sheet)
    assert [contact for contact, _, _ in _calls(desk)] == list(desk.ids)
    assert _counts(desk, sheet) == {"done": len(lines)}
    assert sheet_page.latest(desk.deps, 1, desk.wave_id)[0].stage == "done"
    other = _begin(
        desk,
        _file([(codes[1100], "2026-03-02", "14:00", "Busy"), (codes[1200], "2026-03-02", "14:01", "Busy")]),
    )
    sheets.start(desk.deps, 1, desk.wave_id, other, who="B")

    def broken(session: Any, deps: Any, found: Any, made: Any, **words: Any) -> Any:
        if found.invitation.contact_id == 1100:
            raise RuntimeError("a fault of ours")
        return real(session, deps, found, made, **words)

    monkeypatch.setattr(record, "record_in", broken)
    assert not sheets.hurry(desk.deps, 1, other)
    assert _rows(desk, other) == [(2, "refused", "failed"), (3, "done", "")]
    assert len(desk.attempts()) == len(lines) + 1


def test_a_file_that_is_none_of_ours_is_not_taken(desk: Desk) -> None:
    """What is wrong is said with a code; nothing is kept."""
    for data, code in ((b"", "no_rows"), (b"PK\x03\x04junk", "not_a_table"), (b"Code,Date,Outcome\n", "nothing_filled"),
                       (b"a,b\n1,2\n", "no_code_column"), (b"x" * (sheets.MOST_BYTES + 1), "too_big"),
                       (b"Code,Date,Outcome\nB1,2026-03-02,Busy\n", "no_sheet_out")):  # fmt: skip
        with pytest.raises(ImportRefused) as refused:
            _begin(desk, data, "calls.csv")
        assert refused.value.code == code, code
    assert not desk.world.rows(CallSheet)
    _out(desk)
    text = "Code;Date;Time;Outcome\r\nB1;2026-03-02;10:00;Busy\r\n".encode("utf-16")
    sheet = _begin(desk, text, "calls.csv")
    assert _rows(desk, sheet) == [(2, "refused", "unknown_code")]
    with transaction(desk.deps.sessions) as session:
        assert session.get(CallSheetRow, 1) is not None
        assert session.query(CallLease).count() == 5
