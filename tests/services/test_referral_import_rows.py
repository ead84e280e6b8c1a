"""Row by row: whom a list means, why a row is not taken, what people decide, what survives a crash (product.md R4)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import openpyxl
import pytest
from sqlalchemy import Engine, event

from integration.nps.people import CardKey
from integration.services import (
    chores,
    referral_candidates,
    referral_import_apply,
    referral_imports,
)
from integration.services.past_tables import ImportRefused, table_of
from integration.services.referral_imports import Candidate
from integration.store import referrals as rows
from integration.store.base import Sessions, make_sessions, reading, transaction
from integration.store.clients import Deal
from integration.store.outbox import OutboxRow
from integration.store.referral_import_rows import ReferralImport, ReferralImportRow
from integration.store.referral_rows import Referral
from tests.conftest import HandClock
from tests.services.import_world import ImportWorld, import_world


@pytest.fixture
def place(one_engine: Engine, clock: HandClock) -> ImportWorld:
    return import_world(make_sessions(one_engine), clock)


def referral(place: ImportWorld, number: int, kind: str = "company") -> Referral | None:
    with reading(place.world.deps.sessions) as session:
        return rows.of_newcomer(session, place.world.portal_id, rows.key_of(kind, number))


def writes(place: ImportWorld) -> int:
    """Entries on companies' cards; what follows from them on their people's is the rule's work."""
    written = [row for row in place.world.rows(OutboxRow) if row.purpose == "referral"]
    return len([row for row in written if row.lane.startswith("company:")])


def test_every_row_is_told_apart_by_number_and_reason_and_a_bad_one_stops_no_other(
    sessions: Sessions, clock: HandClock
) -> None:
    place = import_world(sessions, clock)
    with transaction(sessions) as session:
        deal = session.get_one(Deal, (place.world.portal_id, 70))
        deal.created_at = deal.won_at = datetime(2024, 5, 1, 9, tzinfo=UTC)
    number = place.looked(
        "Орион;Вега;12.03.2021;;из тетради",
        "Ромашка;Вега;12.03.2021",
        "Альтаир;+7 900 555-66-77;2020-05-06;Партнёр",
        "company:9;Лира;1 мая 2019",
        "Вега;Орион;02.02.2022",
        "Орион;company:3;01.01.2023",
        "company:2;ira@vega.example;01.02.2020",
        ";Вега;01.02.2020",
        "Орион;Вега;2021-03-12",
        "office@orion.example;Вега;2021-03-12",
        "company:3;deal:20;2021-03-12",
        "company:999;Вега;2021-03-12",
        "company:1;Вега;2021-03-12",
        "company:5;company:1;2021-03-12",
        "company:6;contact:70;05.06.2020",
        "company:4;;05.06.2020;Мероприятие",
        "https://elsewhere.example/crm/company/details/4/;Вега;05.06.2020",
        "company:7;Вега;05.06.2025",
    )
    assert place.verdicts(number) == {
        2: ("ready", ""), 3: ("choose", "many"), 4: ("choose", "similar"), 5: ("choose", "twins"), 6: ("bad", "cycle"),
        7: ("bad", "twice"), 8: ("bad", "own_contact"), 9: ("bad", "no_client"), 10: ("same", "again"),
        11: ("choose", "shared"), 12: ("choose", "wrong_kind"), 13: ("choose", "unknown"), 14: ("bad", "own_client"),
        15: ("bad", "own_company"), 16: ("bad", "same_person"), 17: ("ready", ""), 18: ("choose", "unknown"),
        19: ("ready", "late"),
    }  # fmt: skip
    told = place.report(number)
    assert [key for key, _ in told[3].choices] == [CardKey("company", 4), CardKey("company", 5)]
    assert [key for key, _ in told[6].chain] == [CardKey("company", 8), CardKey("company", 2)]
    assert (told[7].other, told[10].other, told[4].side, told[12].side) == (2, 2, "client", "referrer")
    assert [key for key, _ in told[12].choices] == [CardKey("company", 2), CardKey("contact", 200)]
    assert (told[16].same, told[19].late) == ("phone", "2024-05-01")
    assert writes(place) == 0
    assert place.world.rows(Referral) == []
    found = place.applied(number)
    assert found.brief.stage == "done"
    assert {one for one, (status, _) in place.verdicts(number).items() if status == "done"} == {2, 17, 19}
    row = referral(place, 8)
    assert row is not None
    assert (row.source, row.named_id, row.claimed_on, row.settled_by) == (
        "client",
        2,
        date(2021, 3, 12),
        "rule",
    )
    assert writes(place) == 3


def test_people_choose_cards_and_decide_what_counts(place: ImportWorld) -> None:
    """A choice, another name, a row left out, an entry that stands and one that gives way; the way back restores it."""
    first = place.looked("company:8;Вега;01.01.2021;;", name="first.csv")
    place.applied(first)
    number = place.looked(
        "Ромашка;Вега;12.03.2021", "Нет такого;Вега;12.03.2021", "Орион;company:3;01.01.2020;;правка"
    )
    deps, pid = place.world.deps, place.world.portal_id
    assert place.verdicts(number)[4] == ("rival", "rival")
    stands = place.report(number)[4].stands
    assert stands is not None
    assert (stands[0], stands[1], stands[2]) == ("client", (CardKey("company", 2), "Вега"), "2021-01-01")
    assert referral_imports.pick(deps, pid, number, 2, "client", CardKey("company", 5)) == "done"
    assert referral_imports.reword(deps, pid, number, 3, "client", " eva@altair.example ") == "done"
    assert referral_imports.replace(deps, pid, number, 4) == "done"
    place.run(number)
    assert place.verdicts(number) == {2: ("ready", ""), 3: ("ready", ""), 4: ("ready", "")}
    assert referral_imports.leave(deps, pid, number, 2) == "done"
    place.run(number)
    for answer, wanted in (
        (referral_imports.reword(deps, pid, number, 3, "client", " "), "no_text"),
        (referral_imports.reword(deps, pid, number, 3, "client", "x" * 301), "too_long"),
        (referral_imports.pick(deps, pid, number, 99, "client", CardKey("company", 5)), "gone"),
        (referral_imports.start(deps, pid, 99), "gone"),
        (referral_imports.take_back(deps, pid, number), "late"),
    ):
        assert answer == wanted
    place.applied(number)
    assert place.verdicts(number) == {2: ("left", ""), 3: ("done", ""), 4: ("done", "")}
    assert referral_imports.leave(deps, pid, number, 3) == "late"
    row = referral(place, 8)
    assert row is not None
    assert (row.named_id, row.claimed_on) == (3, date(2020, 1, 1))
    assert referral_imports.take_back(deps, pid, number) == "done"
    place.run(number)
    row = referral(place, 8)
    assert row is not None
    assert (row.named_id, row.claimed_on, row.settled_by) == (2, date(2021, 1, 1), "rule")
    row = referral(place, 3)  # what the ladder reached with it is history, whoever is named
    assert row is None or (row.source, row.named_id, row.referrer_id) == ("", 0, 0)


def test_what_somebody_has_changed_since_is_not_taken_back(place: ImportWorld) -> None:
    number = place.looked("company:8;Вега;01.01.2021", "company:4;Вега;01.01.2021")
    place.applied(number)
    place.world.clock.moment += timedelta(hours=1)
    later = place.looked("company:8;company:3;01.01.2020")
    referral_imports.replace(place.world.deps, place.world.portal_id, later, 2)
    place.run(later)
    place.applied(later)
    referral_imports.take_back(place.world.deps, place.world.portal_id, number)
    place.run(number)
    assert place.verdicts(number) == {2: ("kept", "changed"), 3: ("undone", "")}
    row = referral(place, 8)
    assert row is not None
    assert row.named_id == 3


def test_a_portal_that_is_silent_delays_a_list_and_loses_nothing(place: ImportWorld) -> None:
    """The chore waits and goes on; a person who waits gets the page at once."""
    place.portal.silent = True
    number = place.begin("ira@vega.example;Орион;01.01.2021")
    chores.run_due(place.world.deps)
    assert (place.shown(number).brief.stage, place.shown(number).stuck) == ("looking", "waits")
    referral_imports.hurry(place.world.deps, place.world.portal_id, number)
    place.portal.silent = False
    place.world.clock.moment += timedelta(hours=2)
    while chores.run_due(place.world.deps):
        pass
    assert place.verdicts(number) == {2: ("ready", "")}
    assert place.report(number)[2].client_card == (CardKey("contact", 200), "Анна Коваль-200")
    row = place.world.rows(ReferralImportRow)[0]
    assert (row.newcomer_kind, row.newcomer_id) == ("company", 2)  # the client that contact belongs to


def test_a_crash_in_the_middle_leaves_each_row_entered_once_or_not_at_all(
    place: ImportWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before a commit nothing of the slice is there; the next worker enters it; a fault stops one row only."""
    monkeypatch.setattr(referral_import_apply, "SLICE", 2)
    number = place.looked(*(f"company:{one};Вега;0{one}.01.2021" for one in (3, 4, 5, 6, 8)))
    deps, pid = place.world.deps, place.world.portal_id
    referral_imports.start(deps, pid, number)
    assert referral_imports.step(deps, pid, number)
    assert writes(place) == 2
    kill: list[str] = ["now"]

    class Killed(BaseException):
        pass

    entered = referral_import_apply._enter

    def enter(work: Any, made: Any, row: Any) -> None:
        entered(work, made, row)
        if kill and row.client_id == 6:
            kill.clear()
            raise Killed

    monkeypatch.setattr(referral_import_apply, "_enter", enter)
    with pytest.raises(Killed):
        referral_imports.step(deps, pid, number)
    assert writes(place) == 2
    assert place.shown(number).brief.counts == {"done": 2, "ready": 3}
    place.run(number)
    assert place.shown(number).brief.counts == {"done": 5}
    assert writes(place) == 5

    def broken(work: Any, made: Any, row: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(referral_import_apply, "_enter", broken)
    other = place.looked("company:9;Вега;01.01.2021")
    place.applied(other)
    assert place.verdicts(other) == {2: ("bad", "failed")}


def test_lists_of_another_portal_are_not_there_and_old_ones_are_forgotten(place: ImportWorld) -> None:
    deps, pid = place.world.deps, place.world.portal_id
    number = place.looked("company:8;Вега;01.01.2021;;что-то личное")
    for act in (referral_imports.start, referral_imports.take_back, referral_imports.drop):
        assert act(deps, pid + 1, number) == "gone"
    place.applied(number)
    waiting = place.looked("company:4;Вега;01.01.2021")
    dropped = place.looked("company:4;Вега;01.01.2021")
    assert referral_imports.drop(deps, pid, dropped) == "done"
    assert {row.import_id for row in place.world.rows(ReferralImportRow)} == {number, waiting}
    place.world.clock.moment += timedelta(days=31)
    referral_imports.prune(deps, pid)
    assert [made.id for made in place.world.rows(ReferralImport)] == [number]
    assert place.report(number)[2].client == "company:8"
    place.world.clock.moment += timedelta(days=60)
    referral_imports.prune(deps, pid)
    (row,) = place.world.rows(ReferralImportRow)
    assert (row.client, row.referrer, row.note, row.client_id, row.status) == ("", "", "", 8, "done")


def test_clients_of_the_portal_s_own_source_are_offered_and_never_entered_by_themselves(
    place: ImportWorld,
) -> None:
    """Leads and first deals with "by recommendation" and nobody named; repeat sales and other sources are none."""
    deps, pid = place.world.deps, place.world.portal_id
    place.lead(1, "RECOMMENDATION")
    place.lead(2, "WEB")
    place.lead(3, "RECOMMENDATION", company_id=8)  # a client already
    with transaction(deps.sessions) as session:
        session.get_one(Deal, (pid, 40)).source_id = "RECOMMENDATION"
        session.get_one(Deal, (pid, 50)).source_id = "RECOMMENDATION"
        session.add(Deal(portal_id=pid, id=9001, title="Again", company_id=6, contact_id=600,
                         source_id="RECOMMENDATION", created_at=place.world.clock.now()))  # fmt: skip
    named = place.looked("company:5;Вега;01.01.2021")
    place.applied(named)
    found = referral_candidates.page(deps, pid)
    assert [(one.card, one.client, one.name) for one in found.candidates] == [
        (CardKey("lead", 1), CardKey("lead", 1), "Лид 1"), (CardKey("deal", 40), CardKey("company", 4), "Ромашка"),
    ]  # fmt: skip
    assert (found.following, found.source) == (None, "RECOMMENDATION")
    before = writes(place)
    chosen = referral_candidates.everybody(deps, pid)
    number = referral_imports.begin_sources(deps, pid, chosen, name="By recommendation", who="Anna")
    place.run(number)
    told = {
        row.client_card[0]: (row.status, row.code, row.day)
        for row in place.report(number).values()
        if row.client_card
    }
    assert told[CardKey("lead", 1)] == ("ready", "", date(2025, 2, 3))  # the day the portal made the lead
    assert told[CardKey("deal", 40)][0] == "ready"
    assert ("bad", "repeat") in place.verdicts(number).values()
    assert writes(place) == before
    place.applied(number)
    row = referral(place, 1, "lead")
    assert row is not None
    assert (row.source, row.named_id, row.claimed_on) == ("unknown", 0, date(2025, 2, 3))
    assert [one.unknown for one in referral_candidates.page(deps, pid).candidates] == [True, True]
    again = referral_imports.begin_sources(
        deps, pid, [Candidate(CardKey("lead", 1), "Лид 1", None, "Орион")], name="x", who="Anna"
    )
    place.run(again)
    place.applied(again)
    row = referral(place, 1, "lead")
    assert row is not None
    assert (row.source, row.named_id) == ("client", 8)
    place.world.policy(recommendation_id="")
    assert referral_candidates.page(deps, pid).source == ""
    assert referral_candidates.everybody(deps, pid) == []
    with pytest.raises(ImportRefused):
        referral_imports.begin_sources(deps, pid, [], name="x", who="Anna")


def bomb() -> bytes:
    """A workbook of a few kilobytes that unpacks to a gigabyte."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for number in range(20):
            packed.writestr(f"xl/worksheets/sheet{number}.xml", b"\0" * 15_000_000)
    return out.getvalue()


def workbook(fill: Callable[[Any], None]) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    fill(book.active)
    book.save(out)
    return out.getvalue()


def far(sheet: Any) -> None:
    sheet["A1"], sheet["XFD1048576"] = "client", "x"


def test_files_that_are_too_big_packed_or_unpacked_are_refused_and_workbooks_are_read() -> None:
    for name, data, most, code in (
        ("a.xlsx", bomb(), 20_000, "too_big"),
        ("a.xlsx", workbook(far), 1_000, "too_big"),
        ("a.csv", b"a;b\n" * 3_000, 1_000, "too_big"),
        ("a.csv", b"x" * 5_000_001, 1_000, "too_big"),
        ("a.csv", b"a\0b", 1_000, "not_a_table"),
    ):
        with pytest.raises(ImportRefused) as caught:
            table_of(name, data, most_bytes=5_000_000, most_rows=most)
        assert caught.value.code == code
    made = workbook(lambda sheet: sheet.append(["Client", None, date(2021, 4, 3), 44289, None]))
    assert table_of("misnamed.csv", made) == [["Client", "", "2021-04-03", "44289"]]


def test_a_list_costs_a_bounded_number_of_queries_for_each_row(place: ImportWorld) -> None:
    """Looking and entering: what one row more costs does not grow with the rows there are."""
    engine: Any = place.world.deps.sessions.kw["bind"]
    counted = [0]

    def count(*_: Any) -> None:
        counted[0] += 1

    for number in range(100, 124):
        place.world.client(number, title=f"Фирма {number}")
    event.listen(engine, "before_cursor_execute", count)
    costs = []
    for first, many in ((100, 6), (106, 18)):
        counted[0] = 0
        number = place.looked(*(f"Фирма {one};Вега;01.01.2021" for one in range(first, first + many)))
        place.applied(number)
        costs.append(counted[0] / many)
        assert place.shown(number).brief.counts == {"done": many}
    event.remove(engine, "before_cursor_execute", count)
    assert costs[1] <= costs[0]
    assert costs[1] < 130
