"""Rows of REST answers become records whatever form "no value" takes (bitrix24.md 4.7)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.bitrix import records
from integration.bitrix.records import (
    Address,
    Category,
    Comment,
    Company,
    Contact,
    Currency,
    Deal,
    Department,
    Lead,
    Link,
    RecordError,
    Stage,
    StageMove,
    Task,
    User,
    WorkCalendar,
    read_all,
    uf_day,
    uf_enum,
    uf_flag,
    uf_int,
    uf_money,
    uf_text,
)

DEAL: dict[str, Any] = {
    "id": 351, "title": " Site for ACME ", "stageId": "C9:WON", "stageSemanticId": "S", "categoryId": 9, "companyId": 5,
    "contactId": 4, "contactIds": [4, 5, 4], "assignedById": 6, "createdTime": "2024-07-18T14:00:14+02:00",
    "updatedTime": "2024-08-01T00:30:00+02:00", "movedTime": "2024-07-30T10:00:00+02:00",
    "begindate": "2024-06-18T02:00:00+02:00", "closedate": "2024-07-30T02:00:00+02:00", "opportunity": 999.99,
    "currencyId": "RUB", "sourceId": "WEB", "isRecurring": "N", "leadId": 102, "isWon": None,
    "UF_CRM_MOLVA_NPS_SCORE": 9, "UF_CRM_EMPTY": [], "somethingNew": {"a": 1},
}  # fmt: skip
EMPTY: list[Any] = [None, "", 0, [], {}, False]


def test_a_deal_is_read() -> None:
    """The sample of bitrix24.md 7.4."""
    deal = Deal.read(DEAL)
    assert (deal.id, deal.title, deal.category_id, deal.stage_id, deal.semantics) == (
        351,
        "Site for ACME",
        9,
        "C9:WON",
        "S",
    )
    assert (deal.company_id, deal.contact_id, deal.contact_ids, deal.assigned_by, deal.lead_id) == (
        5,
        4,
        (4, 5),
        6,
        102,
    )
    assert (deal.amount, deal.currency, deal.source_id, deal.recurring) == (
        Decimal("999.99"),
        "RUB",
        "WEB",
        False,
    )
    assert deal.created_at == datetime(2024, 7, 18, 12, 0, 14, tzinfo=UTC)
    assert deal.uf == {"UF_CRM_MOLVA_NPS_SCORE": 9, "UF_CRM_EMPTY": []}


def test_a_day_is_the_portal_s_local_day() -> None:
    """bitrix24.md 4.7: converting to UTC would move it to the day before."""
    assert Deal.read(DEAL).close_on == date(2024, 7, 30)
    assert Deal.read({"id": 1, "closedate": "2024-07-30T00:00:00+03:00"}).close_on == date(2024, 7, 30)
    assert Deal.read({"id": 1, "closedate": "2024-07-30"}).close_on == date(2024, 7, 30)
    assert Deal.read(DEAL).updated_at == datetime(2024, 7, 31, 22, 30, tzinfo=UTC)


@pytest.mark.parametrize("empty", EMPTY, ids=repr)
def test_every_empty_form_is_no_value(empty: Any) -> None:
    """PHP answers null, "", 0, [], {} and false for nothing."""
    deal = Deal.read({"id": "7", **dict.fromkeys([key for key in DEAL if key != "id"], empty)})
    assert (deal.company_id, deal.contact_ids, deal.assigned_by, deal.close_on, deal.created_at) == (
        None,
        (),
        None,
        None,
        None,
    )
    assert (deal.amount, deal.recurring, deal.semantics == "S") == (0, False, False)
    assert deal.id == 7


def test_a_row_that_names_nothing_is_left_out_and_counted() -> None:
    """One bad row does not stop an import."""
    deals, bad = read_all(Deal.read, [DEAL, {"title": "x"}, [], None, {"id": 0}, {**DEAL, "id": "352"}])
    assert [deal.id for deal in deals] == [351, 352]
    assert bad == 4
    with pytest.raises(RecordError, match="deal"):
        Deal.read({"title": "Ivan"})


def test_values_that_no_column_holds_are_no_values() -> None:
    """One such card would keep every card that is read with it out of PostgreSQL."""
    most = 2**31 - 1
    for large in (most + 1, str(most + 1), 10**17, 10**30):
        numbers = dict.fromkeys(("companyId", "contactId", "assignedById", "leadId", "categoryId"), large)
        deal = Deal.read({**DEAL, **numbers, "contactIds": [4, large], "opportunity": 10**17})
        assert (deal.company_id, deal.contact_id, deal.assigned_by, deal.lead_id) == (None,) * 4
        assert (deal.category_id, deal.contact_ids, deal.amount) == (0, (4,), 0)
        assert read_all(Deal.read, [{**DEAL, "id": large}]) == ([], 1)
    largest = Deal.read({**DEAL, "companyId": most, "opportunity": "9999999999999999.99"})
    assert (largest.company_id, largest.amount) == (most, Decimal("9999999999999999.99"))
    for odd in ("WON and more", 2**40, ["S"]):
        assert Deal.read({**DEAL, "stageSemanticId": odd}).semantics == "P"


def test_a_company_and_its_addresses_are_read() -> None:
    """E-mails and phones with the work ones first; own companies are marked (bitrix24.md 7.5, 7.12)."""
    fm = [
        {"id": 1, "typeId": "EMAIL", "valueType": "HOME", "value": "home@example.com"},
        {"id": 2, "typeId": "PHONE", "valueType": "MOBILE", "value": "+79990000001"},
        {"id": 3, "typeId": "EMAIL", "valueType": "WORK", "value": "Work@example.com"},
        {"id": 4, "typeId": "EMAIL", "valueType": "OTHER", "value": "work@EXAMPLE.com"},
        {"id": 5, "typeId": "PHONE", "valueType": "WORK", "value": ""},
        {"id": 6, "typeId": "WEB", "valueType": "WORK", "value": "https://example.com"},
    ]
    company = Company.read({"id": 12, "title": "ACME", "isMyCompany": "Y", "contactIds": [], "fm": fm})
    assert company.own
    assert company.emails == ("Work@example.com", "home@example.com")
    assert company.phones == ("+79990000001",)
    assert Company.read({"id": 1, "fm": {"9": fm[0]}}).emails == ("home@example.com",)
    assert Company.read({"id": 1}).emails == ()


def test_contacts_leads_and_moves_are_read() -> None:
    """bitrix24.md 7.5, 7.8: leads' history names stages differently."""
    contact = Contact.read(
        {"id": 4, "name": "Ivan", "lastName": "P", "post": "CEO", "companyId": 5, "companyIds": [5, 8]}
    )
    assert (contact.name, contact.last_name, contact.post, contact.company_ids) == (
        "Ivan",
        "P",
        "CEO",
        (5, 8),
    )
    lead = Lead.read(
        {"id": 3, "stageId": "NEW", "fm": [{"typeId": "PHONE", "value": "+7"}], "opportunity": "10.50"}
    )
    assert (lead.stage_id, lead.phones, lead.amount, lead.semantics) == (
        "NEW",
        ("+7",),
        Decimal("10.50"),
        "P",
    )
    row = {
        "ID": "35",
        "TYPE_ID": 3,
        "OWNER_ID": 21,
        "CREATED_TIME": "2024-04-25T14:59:11+00:00",
        "CATEGORY_ID": 0,
    }
    move = StageMove.read({**row, "STAGE_SEMANTIC_ID": "S", "STAGE_ID": "WON"})
    assert (move.id, move.owner_id, move.type_id, move.stage_id, move.semantics) == (35, 21, 3, "WON", "S")
    assert move.moved_at == datetime(2024, 4, 25, 14, 59, 11, tzinfo=UTC)
    assert (
        StageMove.read({**row, "STATUS_ID": "CONVERTED", "STATUS_SEMANTIC_ID": "S"}).stage_id == "CONVERTED"
    )


def test_people_and_dictionaries_are_read() -> None:
    """Numbers come as strings, flags in every spelling (bitrix24.md 4.7, 7.6, 12.1)."""
    user = User.read(
        {"ID": "6", "ACTIVE": True, "NAME": "Anna", "UF_DEPARTMENT": ["1", 15], "TIMESTAMP_X": {}}
    )
    assert (user.id, user.active, user.department_ids) == (6, True, (1, 15))
    assert [User.read({"ID": 1, "ACTIVE": flag}).active for flag in (False, "N", "0", "Y", None)] == [
        False
    ] * 3 + [True] * 2
    assert Department.read({"ID": "15", "NAME": "R&D", "PARENT": "1", "UF_HEAD": "6"}) == Department(
        15, "R&D", 1, 6
    )
    assert Department.read({"ID": "1", "NAME": "All", "UF_HEAD": "0"}).head_id is None
    assert Category.read({"id": 0, "name": "General", "sort": 300, "isDefault": "Y"}) == Category(
        0, "General", 300, True
    )
    stage = Stage.read(
        {"ID": "111", "ENTITY_ID": "DEAL_STAGE", "STATUS_ID": "WON", "SORT": "60", "SEMANTICS": "S"}
    )
    assert (stage.status_id, stage.sort, stage.semantics) == ("WON", 60, "S")
    assert Stage.read({"STATUS_ID": "NEW", "SEMANTICS": None}).semantics == "P"
    assert Currency.read(
        {"CURRENCY": "USD", "AMOUNT": "90.5", "AMOUNT_CNT": "1", "BASE": "N"}
    ).amount == Decimal("90.5")


def test_a_task_is_read_bare_or_wrapped() -> None:
    """bitrix24.md 11: strings, lists and maps alike."""
    row = {
        "id": "8017", "title": "Call", "status": "5", "responsibleId": "6", "createdBy": "1", "xmlId": "molva:f:1",
        "deadline": "2026-09-01T18:00:00+03:00", "closedDate": None, "ufCrmTask": ["CO_5", "D_10"], "group": [],
    }  # fmt: skip
    task = Task.read({"task": row})
    assert task == Task.read(row)
    assert (task.id, task.status, task.key, task.links) == (
        8017,
        5,
        "molva:f:1",
        (("company", 5), ("deal", 10)),
    )
    assert task.deadline == datetime(2026, 9, 1, 15, 0, tzinfo=UTC)
    assert Task.read({**row, "ufCrmTask": False}).links == ()


def test_addresses_belong_to_clients() -> None:
    """bitrix24.md 7.11: the anchor names the client; an address row has no id."""
    row = {
        "TYPE_ID": "1",
        "ENTITY_TYPE_ID": "8",
        "ENTITY_ID": "7",
        "CITY": "Kyiv",
        "ANCHOR_TYPE_ID": "4",
        "ANCHOR_ID": "12",
    }
    address = Address.read(row)
    assert (address.client_kind, address.client_id, address.type_id, address.city) == (
        "company",
        12,
        1,
        "Kyiv",
    )
    for broken in ({**row, "ANCHOR_TYPE_ID": "1"}, {**row, "ANCHOR_ID": "0"}):
        with pytest.raises(RecordError):
            Address.read(broken)


def test_links_and_comments_are_read() -> None:
    """bitrix24.md 7.9, 10.1."""
    assert Link.read({"CONTACT_ID": 7, "SORT": 100, "IS_PRIMARY": "Y"}) == Link(7, None, True)
    with pytest.raises(RecordError):
        Link.read({"IS_PRIMARY": "Y"})
    comment = Comment.read(
        {"ID": "999", "COMMENT": "x", "AUTHOR_ID": "1", "CREATED": "2026-01-01T00:00:00+03:00"}
    )
    assert (comment.id, comment.author_id) == (999, 1)


def test_the_portal_s_working_days_are_read() -> None:
    """Holidays by day and month, or of one year; worked exceptions win over both."""
    calendar = WorkCalendar.read(
        {
            "work_time_start": "9.30", "work_time_end": "19", "week_holidays": ["SA", "SU"],
            "year_holidays": "1.01, 8.03,31.02,4.05.2026,x", "year_workdays": "5.12.2026",
        }
    )  # fmt: skip
    assert (calendar.opens, calendar.closes) == (time(9, 30), time(19))
    days = {(1, 1, 2026): False, (8, 3, 2027): False, (4, 5, 2026): False, (4, 5, 2027): True, (5, 12, 2026): True,
            (12, 12, 2026): False, (14, 12, 2026): True}  # fmt: skip
    assert {day: calendar.is_workday(date(day[2], day[1], day[0])) for day in days} == days


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"work_time_start": "19", "work_time_end": "9", "week_holidays": ""}]
)
def test_an_unreadable_calendar_is_the_usual_week(answer: Any) -> None:
    """Nine to six, Monday to Friday."""
    calendar = WorkCalendar.read(answer)
    assert (calendar.opens, calendar.closes, calendar.weekend) == (time(9), time(18), frozenset({5, 6}))


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (uf_enum, 79, "79"), (uf_enum, "79", "79"), (uf_enum, [79, 80], "79"), (uf_enum, 0, None),
        (uf_money, "1200.50|EUR", (Decimal("1200.50"), "EUR")), (uf_money, 7, (Decimal(7), "")), (uf_money, "", None),
        (uf_money, "1 200,5|RUB", (Decimal("1200.5"), "RUB")), (uf_money, "много", None), (uf_money, "-5|RUB", None),
        (uf_money, "1e30", None), (uf_money, "nan", None), (uf_money, [], None), (uf_money, 0, (Decimal(0), "")),
        (uf_enum, False, None), (uf_enum, "", None), (uf_enum, [], None), (uf_int, 0, 0), (uf_int, "9", 9),
        (uf_int, "", None), (uf_int, 9.5, None),
        (uf_day, "2026-08-21T03:00:00+03:00", date(2026, 8, 21)), (uf_day, "2026-02-30", None), (uf_day, {}, None),
        (uf_flag, "Y", True), (uf_flag, 1, True), (uf_flag, "1", True), (uf_flag, "N", False), (uf_flag, None, False),
        (uf_text, " a ", "a"), (uf_text, None, ""), (uf_text, 2026, "2026"), (uf_text, [], ""),
    ],
)  # fmt: skip
def test_values_of_user_fields_are_read(read: Any, value: Any, expected: Any) -> None:
    """bitrix24.md 8.4."""
    result = read(value)
    assert result == expected
    assert type(result) is type(expected)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["9e999", "NaN", "1e5"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KINDS: list[Any] = [
    getattr(records, name) for name in records.__all__ if name[0].isupper() and name != "RecordError"
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_no_answer_breaks_a_record(kind: Any, data: st.DataObject) -> None:
    """A portal may put anything in any field: the row is read or left out."""
    schema = getattr(kind, "_schema", None)
    keys = (
        [one.data_key or name for name, one in schema.fields.items()]
        if schema
        else ["week_holidays", "year_holidays"]
    )
    row = data.draw(anything | st.dictionaries(st.sampled_from([*keys, "fm", "task"]), anything))
    kept, bad = read_all(kind.read, [row])
    assert len(kept) + bad == 1
