"""Cards: filters, names, values, stages, links (bitrix24.md 4.6, 4.7, 7, 8)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from integration.bitrix.sandbox.server import Sandbox, running
from tests.bitrix.sandbox.agencies import small_agency
from tests.bitrix.sandbox.conftest import Caller

AsUser = Callable[[int], Caller]


def _ids(hook: Caller, filter_: Any, kind: int = 2, **more: Any) -> list[int]:
    params = {"entityTypeId": kind, "filter": filter_, "select": ["id"], "useOriginalUfNames": "Y"} | more
    return [row["id"] for row in hook("crm.item.list", params)["items"]]


@pytest.mark.parametrize(
    ("filter_", "want"),
    [
        ({}, [10, 11, 12]),
        ([], [10, 11, 12]),
        ({"@stageSemanticId": ["S"]}, [11]),
        ({"!stageId": "NEW"}, [11, 12]),
        ({"!@id": [10, 11]}, [12]),
        ({">=createdTime": "2025-02-01", "<createdTime": "2025-02-02T00:00:00+01:00"}, [11]),
        ({"%title": "OG"}, [11]),
        ({"=%title": "S%"}, [10, 12]),
        ({"!%title": "s"}, [11]),
        ({"contactIds": 7}, [10]),
        ({"contactId": 0}, [11, 12]),
        ({">opportunity": "100.5"}, [10]),
        ({"closedate": "2025-03-30"}, [11]),
        ({"categoryId": 0, "0": {"logic": "OR", "0": {"stageId": "WON"}, "1": {"id": 10}}}, [10, 11]),
        (
            {"0": {"logic": "OR", "0": {"id": 12}, "1": {"logic": "AND", "stageId": "WON", "companyId": 3}}},
            [11, 12],
        ),
    ],
)
def test_filters(hook: Caller, filter_: Any, want: list[int]) -> None:
    """Every operator and nested group finds what it should."""
    assert _ids(hook, filter_) == want


def test_unknown_names_are_refused_in_filters_and_ignored_in_fields(hook: Caller) -> None:
    """A typo in a filter is told, a typo in fields is silent."""
    assert hook.error("crm.item.list", {"entityTypeId": 2, "filter": {"tytle": 1}}) == (
        400,
        "INVALID_ARG_VALUE",
    )
    assert hook.error("crm.item.list", {"entityTypeId": 2, "order": {"id": "UP"}}) == (
        400,
        "INVALID_ARG_VALUE",
    )
    assert (
        hook("crm.item.update", {"entityTypeId": 2, "id": 10, "fields": {"tytle": "x"}})["item"]["title"]
        == "Site"
    )


def test_select_gives_only_what_was_asked_and_no_phones(hook: Caller) -> None:
    """``fm`` comes with ``*`` only."""
    params = {"entityTypeId": 3, "select": ["id", "name", "fm", "phone"], "filter": {"id": 7}}
    assert hook("crm.item.list", params)["items"] == [{"id": 7, "name": "Ivan", "phone": "+7 999 000-00-01"}]
    whole = hook("crm.item.list", {"entityTypeId": 3, "select": ["*"]})["items"][0]
    assert [entry["typeId"] for entry in whole["fm"]] == ["PHONE", "EMAIL"]


def test_user_field_names_speak_two_ways(hook: Caller) -> None:
    """Without useOriginalUfNames original names are unknown: written values vanish silently."""
    plain = {"entityTypeId": 4, "id": 3, "fields": {"UF_CRM_SCORE": 4}}
    item = hook("crm.item.update", plain)["item"]
    assert (item["ufCrmScore"], "UF_CRM_SCORE" in item) == (None, False)
    item = hook("crm.item.update", plain | {"useOriginalUfNames": "Y"})["item"]
    assert (item["UF_CRM_SCORE"], "ufCrmScore" in item) == (4, False)
    assert _ids(hook, {"UF_CRM_SCORE": 4}, kind=4) == [3]


def test_values_of_user_fields(hook: Caller) -> None:
    """Dates come back as moments, lists as ids, bindings with their prefix; wrong ones are refused."""
    listed = hook("crm.company.userfield.list", {"filter": {"FIELD_NAME": "UF_CRM_SOURCE"}})[0]["LIST"]
    partner = next(int(row["ID"]) for row in listed if row["XML_ID"] == "P")
    base: dict[str, Any] = {"entityTypeId": 4, "id": 3, "useOriginalUfNames": "Y"}
    fields = {
        "UF_CRM_SINCE": "2026-02-28",
        "UF_CRM_SOURCE": partner,
        "UF_CRM_REFERRER": "C_7",
        "UF_CRM_FLAG": "Y",
        "UF_CRM_TAGS": ["a", "b"],
    }
    item = hook("crm.item.update", base | {"fields": fields})["item"]
    assert item["UF_CRM_SINCE"] == "2026-02-28T01:00:00+01:00"
    assert (item["UF_CRM_SOURCE"], item["UF_CRM_REFERRER"], item["UF_CRM_TAGS"]) == (
        partner,
        "C_7",
        ["a", "b"],
    )
    assert _ids(hook, {"UF_CRM_FLAG": 1}, kind=4) == [3]
    assert _ids(hook, {"UF_CRM_FLAG": "Y"}, kind=4) == []
    for name, value, code in (
        ("UF_CRM_SOURCE", 999999, "CRM_FIELD_ERROR_VALUE_NOT_VALID"),
        ("UF_CRM_REFERRER", "D_10", "CRM_FIELD_ERROR_VALUE_NOT_VALID"),
        ("UF_CRM_TAGS", "a", "100"),
    ):
        assert hook.error("crm.item.update", base | {"fields": {name: value}}) == (400, code)


def test_days_can_come_at_midnight(box: Sandbox, hook: Caller) -> None:
    """With date_style "midnight" a conversion to UTC moves the day."""
    box.control("/settings", {"date_style": "midnight"}, "PUT")
    assert (
        hook("crm.item.get", {"entityTypeId": 2, "id": 11})["item"]["closedate"]
        == "2025-03-30T00:00:00+01:00"
    )


def test_a_crm_binding_with_one_target_may_be_bare(box: Sandbox, hook: Caller) -> None:
    """Both stored forms exist (bitrix24.md 8.4)."""
    hook(
        "crm.deal.userfield.add",
        {"fields": {"FIELD_NAME": "ONE", "USER_TYPE_ID": "crm", "SETTINGS": {"COMPANY": "Y"}}},
    )
    base: dict[str, Any] = {
        "entityTypeId": 2,
        "id": 10,
        "useOriginalUfNames": "Y",
        "fields": {"UF_CRM_ONE": "CO_3"},
    }
    assert hook("crm.item.update", base)["item"]["UF_CRM_ONE"] == "CO_3"
    box.control("/settings", {"crm_bare_ids": True}, "PUT")
    assert hook("crm.item.update", base)["item"]["UF_CRM_ONE"] == "3"


def test_a_crm_field_without_targets_binds_to_leads(hook: Caller) -> None:
    """No target setting means LEAD=Y."""
    made = hook("crm.deal.userfield.add", {"fields": {"FIELD_NAME": "REF", "USER_TYPE_ID": "crm"}})
    assert hook("crm.deal.userfield.get", {"id": made})["SETTINGS"]["LEAD"] == "Y"


def test_a_win_is_dated_in_the_history(box: Sandbox, hook: Caller) -> None:
    """A stage change inside the pipeline leaves type 3 for a final stage and sets movedTime and closed."""
    item = hook("crm.item.update", {"entityTypeId": 2, "id": 10, "fields": {"stageId": "WON"}})["item"]
    assert (item["stageSemanticId"], item["closed"], item["isWon"]) == ("S", "Y", None)
    rows = hook("crm.stagehistory.list", {"entityTypeId": 2, "filter": {"OWNER_ID": 10}})["items"]
    assert [(row["TYPE_ID"], row["STAGE_ID"]) for row in rows] == [(3, "WON")]
    assert item["movedTime"] == rows[0]["CREATED_TIME"]


def test_a_new_deal_closes_in_a_week(hook: Caller) -> None:
    """closedate defaults to creation plus seven days, begindate to the creation day."""
    item = hook("crm.item.add", {"entityTypeId": 2, "fields": {"title": "New", "contactId": 7}})["item"]
    assert (item["stageId"], item["contactIds"], item["companyId"]) == ("NEW", [7], 0)
    begin, close = (date.fromisoformat(item[name][:10]) for name in ("begindate", "closedate"))
    assert close - begin == timedelta(days=7)


def test_a_stage_of_another_pipeline(hook: Caller) -> None:
    """crm.item.update refuses it, the old method ignores it and the category in silence."""
    base = {"entityTypeId": 2, "id": 10}
    assert (
        hook.error("crm.item.update", base | {"fields": {"stageId": "C1:WON"}})[1]
        == "CRM_FIELD_ERROR_VALUE_NOT_VALID"
    )
    assert (
        hook("crm.deal.update", {"id": 10, "fields": {"STAGE_ID": "C1:WON", "CATEGORY_ID": 1, "NO": 1}})
        is True
    )
    item = hook("crm.item.get", base)["item"]
    assert (item["stageId"], item["categoryId"]) == ("NEW", 0)


def test_mandatory_fields_are_checked_when_the_stage_changes(hook: Caller) -> None:
    """An ordinary update passes, a stage change does not."""
    hook(
        "crm.deal.userfield.add",
        {"fields": {"FIELD_NAME": "MUST", "USER_TYPE_ID": "string", "MANDATORY": "Y"}},
    )
    assert (
        hook("crm.item.update", {"entityTypeId": 2, "id": 10, "fields": {"title": "x"}})["item"]["title"]
        == "x"
    )
    refused = hook.error("crm.item.update", {"entityTypeId": 2, "id": 10, "fields": {"stageId": "WON"}})
    assert refused == (400, "CRM_FIELD_ERROR_REQUIRED")


def test_multi_fields_are_keyed_by_record(hook: Caller) -> None:
    """fm of an update changes, deletes and adds by record id."""
    fm = hook("crm.item.get", {"entityTypeId": 3, "id": 7})["item"]["fm"]
    phone, mail = fm[0]["id"], fm[1]["id"]
    fields = {
        "fm": {
            str(phone): {"value": "+1"},
            str(mail): {"typeId": "EMAIL", "value": ""},
            "n0": {"typeId": "EMAIL", "valueType": "HOME", "value": "new@example.com"},
        }
    }
    shown = hook("crm.item.update", {"entityTypeId": 3, "id": 7, "fields": fields})["item"]
    assert [(entry["typeId"], entry["value"]) for entry in shown["fm"]] == [
        ("PHONE", "+1"),
        ("EMAIL", "new@example.com"),
    ]


def test_links_seen_from_both_sides(hook: Caller) -> None:
    """A company's contacts follow from the contacts, and writing them changes the contacts."""
    assert hook("crm.item.get", {"entityTypeId": 4, "id": 3})["item"]["contactIds"] == [7]
    hook("crm.item.update", {"entityTypeId": 4, "id": 4, "fields": {"contactIds": [7]}})
    assert hook("crm.item.get", {"entityTypeId": 3, "id": 7})["item"]["companyIds"] == [3, 4]
    assert [row["IS_PRIMARY"] for row in hook("crm.contact.company.items.get", {"id": 7})] == ["Y", "N"]


def test_classic_values_are_strings(hook: Caller) -> None:
    """Numbers are strings, money has two places, absent links are null."""
    deal = hook("crm.deal.get", {"id": 10})
    assert (deal["ID"], deal["OPPORTUNITY"], deal["COMPANY_ID"], deal["LEAD_ID"]) == (
        "10",
        "19999.50",
        "3",
        None,
    )
    assert deal["STAGE_SEMANTIC_ID"] == "P"
    assert hook("crm.lead.get", {"id": 20})["STATUS_ID"] == "NEW"
    contact = hook("crm.contact.get", {"id": 7})
    assert contact["PHONE"][0]["VALUE_TYPE"] == "MOBILE"


def test_rights_shrink_lists_and_refuse_cards(box: Sandbox, as_user: AsUser) -> None:
    """A user with own rights sees his cards only; the list says nothing about the rest."""
    box.control("/settings", {"rights": {"6": "own"}}, "PUT")
    caller = as_user(6)
    assert [row["id"] for row in caller("crm.item.list", {"entityTypeId": 2, "select": ["id"]})["items"]] == [
        10
    ]
    assert caller.error("crm.item.get", {"entityTypeId": 2, "id": 11}) == (400, "ACCESS_DENIED")


def test_a_deleted_client_leaves_its_deals_alone(hook: Caller) -> None:
    """The answer of a delete is an empty list; the deals lose the link."""
    assert hook("crm.item.delete", {"entityTypeId": 4, "id": 3}) == []
    assert hook("crm.item.get", {"entityTypeId": 2, "id": 10})["item"]["companyId"] == 0
    assert hook.error("crm.item.get", {"entityTypeId": 4, "id": 3}) == (400, "NOT_FOUND")


def test_conversion_carries_no_user_fields(box: Sandbox, hook: Caller) -> None:
    """The user converts in the interface: deal, company and contact know the lead."""
    made = box.control("/as/6/ui.lead.convert", {"id": 20})["result"]
    deal = hook("crm.item.get", {"entityTypeId": 2, "id": made["dealId"]})["item"]
    assert (deal["leadId"], deal["companyId"], deal["contactIds"]) == (
        20,
        made["companyId"],
        made["contactIds"],
    )
    assert hook("crm.item.get", {"entityTypeId": 1, "id": 20})["item"]["stageId"] == "CONVERTED"


def test_simple_mode_has_no_leads() -> None:
    """A new lead turns into a deal at once and cannot be found."""
    with running(small_agency(crm_mode=2)) as box:
        caller = Caller(box.control("/webhooks", {"user_id": 1})["url"])
        lead = caller("crm.item.add", {"entityTypeId": 1, "fields": {"title": "Referral", "name": "Ivan"}})[
            "item"
        ]
        assert caller.error("crm.lead.get", {"id": lead["id"]}) == (400, "")
        rows = caller(
            "crm.item.list", {"entityTypeId": 2, "filter": {"leadId": lead["id"]}, "select": ["title"]}
        )
        assert rows["items"] == [{"title": "Referral"}]
        caller.session.close()


def test_labels_need_a_language(hook: Caller) -> None:
    """userfield.list gives labels only with filter.LANG; SHOW_FILTER reads back as a mask."""
    plain = hook("crm.deal.userfield.list", {"filter": {"FIELD_NAME": "UF_CRM_SCORE"}})[0]
    assert ("EDIT_FORM_LABEL" in plain, plain["SHOW_FILTER"]) == (False, "E")
    named = hook("crm.deal.userfield.list", {"filter": {"FIELD_NAME": "UF_CRM_SCORE", "LANG": "ru"}})[0]
    assert named["EDIT_FORM_LABEL"] == "UF_CRM_SCORE ru"


def test_the_same_field_twice_is_refused(hook: Caller) -> None:
    """Names are made complete and raised; a second field of the name is an error."""
    fields = {"FIELD_NAME": "score", "USER_TYPE_ID": "integer"}
    assert hook.error("crm.deal.userfield.add", {"fields": fields}) == (400, "ERROR_CORE")
    assert hook("crm.lead.userfield.add", {"fields": fields}) > 0


def test_a_user_field_keeps_list_items_by_id(hook: Caller) -> None:
    """Known ids change or go, items without id are new, the others stay."""
    row = hook("crm.deal.userfield.list", {"filter": {"FIELD_NAME": "UF_CRM_SOURCE"}})[0]
    first, second = row["LIST"]
    change = [
        {"ID": first["ID"], "VALUE": "Friend"},
        {"ID": second["ID"], "DEL": "Y"},
        {"VALUE": "New", "XML_ID": "N"},
    ]
    hook("crm.deal.userfield.update", {"id": row["ID"], "fields": {"LIST": change}})
    after = hook("crm.deal.userfield.get", {"id": row["ID"]})["LIST"]
    assert [(item["VALUE"], item["XML_ID"]) for item in after] == [("Friend", "P"), ("New", "N")]
