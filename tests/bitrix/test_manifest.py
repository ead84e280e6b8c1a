"""Set-up is a comparison: it adds what is missing, once, and touches nothing else (product.md B1)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from integration.bitrix.links import Entity
from integration.bitrix.manifest import EVENTS, FIELDS, FieldMap, Wanted, found_in, look, plan

HANDLER = "https://molva.example/bitrix/events"
LABELS = {
    "UF_CRM_MOLVA_NPS_SCORE": {"ru": "Оценка", "uk": "Оцінка", "en": "Score"},
    "UF_CRM_MOLVA_NPS_GROUP.promoter": {"ru": "Промоутер", "en": "Promoter"},
    "UF_CRM_MOLVA_NPS_GROUP.passive": {"en": "Passive"},
}
WANTED = Wanted(HANDLER, LABELS, language="ru")
ENTITIES: tuple[Entity, ...] = ("lead", "deal", "company", "contact")


def applied(calls: Any, fields: dict[Entity, list[dict[str, Any]]], events: list[dict[str, Any]]) -> None:
    """What a portal does with the calls, in a few words."""
    number = 100
    for call in calls:
        number += 1
        if call.method == "event.bind":
            events.append(
                {"event": call.params["event"], "handler": call.params["handler"], "auth_type": "0"}
            )
            continue
        entity = call.method.split(".")[1]
        given = call.params["fields"]
        items = []
        for item in given.get("LIST", []):
            number += 1
            items.append({"ID": str(number), **item})
        if call.method.endswith(".add"):
            row = {"ID": str(number), **given, "FIELD_NAME": "UF_CRM_" + given["FIELD_NAME"], "LIST": items}
            fields.setdefault(entity, []).append(row)
        else:
            row = next(one for one in fields[entity] if one["ID"] == str(call.params["id"]))
            row["LIST"] = items


@pytest.fixture
def portal() -> tuple[list[dict[str, Any]], dict[Entity, list[dict[str, Any]]]]:
    """A portal that has everything."""
    events: list[dict[str, Any]] = []
    fields: dict[Entity, list[dict[str, Any]]] = {}
    applied(plan(WANTED, events, fields).calls, fields, events)
    return events, fields


def test_set_up_twice_is_set_up_once(portal: Any) -> None:
    """Nothing is planned where everything is."""
    assert len(plan(WANTED, [], {})) > 60
    assert plan(WANTED, *portal).calls == ()
    assert plan(WANTED, *portal).problems == ()


def test_only_what_is_missing_is_added(portal: Any) -> None:
    """A deleted field and a dropped binding come back alone."""
    events, fields = portal
    fields["deal"] = [row for row in fields["deal"] if row["FIELD_NAME"] != "UF_CRM_MOLVA_NPS_DATE"]
    events[:] = [row for row in events if row["event"] != "ONCRMDEALMOVETOCATEGORY"]
    calls = plan(WANTED, events, fields).calls
    assert [call.method for call in calls] == ["crm.deal.userfield.add", "event.bind"]
    assert calls[0].params["fields"]["FIELD_NAME"] == "MOLVA_NPS_DATE"
    assert calls[1].params == {"event": "ONCRMDEALMOVETOCATEGORY", "handler": HANDLER}


def test_a_binding_to_another_address_is_not_ours(portal: Any) -> None:
    """After a change of address everything is bound anew; names are compared without case."""
    events, fields = portal
    assert len(plan(Wanted("https://new.example/e", LABELS), events, fields)) == len(EVENTS)
    for row in events:
        row["event"] = row["event"].lower()
    assert plan(WANTED, events, fields).calls == ()


def test_a_field_of_another_kind_is_reported_and_left_alone(portal: Any) -> None:
    """Somebody else's field under our name is theirs."""
    events, fields = portal
    score = next(row for row in fields["deal"] if row["FIELD_NAME"] == "UF_CRM_MOLVA_NPS_SCORE")
    score["USER_TYPE_ID"] = "string"
    wave = next(row for row in fields["company"] if row["FIELD_NAME"] == "UF_CRM_MOLVA_NPS_WAVE")
    wave["MULTIPLE"] = "Y"
    got = plan(WANTED, events, fields)
    assert got.calls == ()
    assert [(one.entity, one.code, one.kind, one.found) for one in got.problems] == [
        ("deal", "UF_CRM_MOLVA_NPS_SCORE", "wrong_type", "string"),
        ("company", "UF_CRM_MOLVA_NPS_WAVE", "multiple", "string"),
    ]
    assert not FieldMap.of(fields).has("deal", "UF_CRM_MOLVA_NPS_SCORE")


def test_missing_items_are_added_with_the_whole_list(portal: Any) -> None:
    """bitrix24.md 8.3: what becomes of omitted items is not documented; the customer's own ones stay."""
    events, fields = portal
    group = next(row for row in fields["contact"] if row["FIELD_NAME"] == "UF_CRM_MOLVA_NPS_GROUP")
    own = {"ID": "900", "VALUE": "Their own", "XML_ID": "own", "SORT": "5", "DEF": "N", "EXTRA": 1}
    kept = [item for item in group["LIST"] if item["XML_ID"] != "passive"]
    group["LIST"] = [own, *kept]
    (call,) = plan(WANTED, events, fields).calls
    assert (call.method, call.params["id"]) == ("crm.contact.userfield.update", int(group["ID"]))
    sent = call.params["fields"]["LIST"]
    assert [item.get("ID") for item in sent] == ["900", *(item["ID"] for item in kept), None]
    assert sent[-1]["XML_ID"] == "passive"
    assert sent[-1]["VALUE"] == "Passive"
    applied([call], fields, events)
    assert plan(WANTED, events, fields).calls == ()


def test_nothing_is_ever_deleted(portal: Any) -> None:
    """Not even from a portal full of other things."""
    _, fields = portal
    fields["deal"].append({"ID": "1", "FIELD_NAME": "UF_CRM_OTHER", "USER_TYPE_ID": "string"})
    foreign = [{"event": "ONCRMDEALADD", "handler": "https://other.example/"}]
    methods = {call.method.rsplit(".", 1)[1] for call in plan(WANTED, foreign, fields).calls}
    assert methods == {"bind"}


def test_a_new_field_is_labelled_shown_in_the_filter_and_not_required() -> None:
    """product.md B1; a label that was not handed in is the code."""
    calls = [call for call in plan(WANTED, [], {}).calls if call.method == "crm.deal.userfield.add"]
    added = {call.params["fields"]["FIELD_NAME"]: call.params["fields"] for call in calls}
    score = added["MOLVA_NPS_SCORE"]
    assert score["EDIT_FORM_LABEL"] == score["LIST_FILTER_LABEL"] == LABELS["UF_CRM_MOLVA_NPS_SCORE"]
    assert (score["USER_TYPE_ID"], score["MANDATORY"], score["MULTIPLE"], score["SHOW_FILTER"]) == (
        "integer",
        "N",
        "N",
        "Y",
    )
    assert added["MOLVA_NPS_DATE"]["EDIT_FORM_LABEL"] == {"ru": "UF_CRM_MOLVA_NPS_DATE"}
    group = added["MOLVA_NPS_GROUP"]["LIST"]
    assert [(item["XML_ID"], item["VALUE"]) for item in group] == [
        ("promoter", "Промоутер"), ("passive", "Passive"), ("detractor", "detractor"),
    ]  # fmt: skip
    assert added["MOLVA_REFERRER"]["SETTINGS"] == {"LEAD": "N", "DEAL": "N", "CONTACT": "Y", "COMPANY": "Y"}
    assert all(call.probe is not None for call in calls)


def test_the_reads_fit_one_batch_and_their_answer_is_what_plan_takes(portal: Any) -> None:
    """Each field by name: a portal may hold more fields than a page does."""
    events, fields = portal
    reads = look(WANTED)
    assert len(reads) <= 50
    results: dict[str, Any] = {"events": events}
    for key, call in reads.items():
        if key != "events":
            entity = call.method.split(".")[1]
            name = call.params["filter"]["FIELD_NAME"]
            results[key] = [row for row in fields[entity] if row["FIELD_NAME"] == name]  # type: ignore[index]
    assert plan(WANTED, *found_in(results)).calls == ()
    empty = found_in({key: [] for key in reads})
    assert len(plan(WANTED, *empty)) == len(plan(WANTED, [], {}))


def test_items_are_mapped_by_xml_id_both_ways(portal: Any) -> None:
    """bitrix24.md 8.4: ids differ in every portal and on every kind of card."""
    _, fields = portal
    known = FieldMap.of(fields)
    deal = known.id_of("deal", "UF_CRM_MOLVA_NPS_GROUP", "promoter")
    company = known.id_of("company", "UF_CRM_MOLVA_NPS_GROUP", "promoter")
    assert deal is not None
    assert deal != company
    assert known.value_of("deal", "UF_CRM_MOLVA_NPS_GROUP", str(deal)) == "promoter"
    assert known.value_of("deal", "UF_CRM_MOLVA_NPS_GROUP", company) is None
    assert known.id_of("lead", "UF_CRM_MOLVA_NPS_GROUP", "promoter") is None
    assert known.has("contact", "UF_CRM_MOLVA_SURVEY_URL")
    assert FieldMap(known.to_json()) == known


def test_the_fields_are_those_of_the_interface() -> None:
    """interface.md 5 fixes codes, types and cards; portals' filters and robots rely on them."""
    assert {spec.code: (spec.type, set(spec.on)) for spec in FIELDS} == {
        "UF_CRM_MOLVA_REFERRAL_SOURCE": ("enumeration", set(ENTITIES)),
        "UF_CRM_MOLVA_REFERRER": ("crm", set(ENTITIES)),
        "UF_CRM_MOLVA_REFERRAL_DATE": ("date", set(ENTITIES)),
        "UF_CRM_MOLVA_REFERRALS": ("integer", {"company", "contact"}),
        "UF_CRM_MOLVA_NPS_SCORE": ("integer", {"deal", "company", "contact"}),
        "UF_CRM_MOLVA_NPS_GROUP": ("enumeration", {"deal", "company", "contact"}),
        "UF_CRM_MOLVA_NPS_DATE": ("date", {"deal", "company", "contact"}),
        "UF_CRM_MOLVA_NPS_COMMENT": ("string", {"deal", "company", "contact"}),
        "UF_CRM_MOLVA_NPS_WAVE": ("string", {"deal", "company", "contact"}),
        "UF_CRM_MOLVA_NPS_CHANNEL": ("enumeration", {"deal", "company", "contact"}),
        "UF_CRM_MOLVA_ROLE": ("enumeration", {"contact"}),
        "UF_CRM_MOLVA_HOLD_UNTIL": ("date", {"company", "contact"}),
        "UF_CRM_MOLVA_OPT_OUT": ("boolean", {"company", "contact"}),
        "UF_CRM_MOLVA_SURVEY_URL": ("string", {"contact"}),
    }
    assert all(len(spec.code) <= 50 and re.fullmatch(r"UF_CRM_[A-Z0-9_]+", spec.code) for spec in FIELDS)


def test_every_event_is_upper_case_and_bound_once() -> None:
    """bitrix24.md 6.3: the second binding of a pair is an error."""
    assert len(set(EVENTS)) == len(EVENTS)
    assert all(re.fullmatch(r"ON[A-Z]+", event) for event in EVENTS)
    assert {"ONCRMDEALMOVETOCATEGORY", "ONAPPUNINSTALL", "ONTASKUPDATE", "ONCRMLEADDELETE"} <= set(EVENTS)


def test_the_wire_modules_do_no_input_or_output() -> None:
    """architecture.md 2: these are read and written without the network."""
    folder = Path(__file__).parents[2] / "integration" / "bitrix"
    for name in ("budget", "call", "calls", "errors", "limits", "links", "manifest", "paging", "protocol"):
        source = (folder / f"{name}.py").read_text(encoding="utf-8")
        assert not re.search(
            r"^(import|from) (flask|requests|marshmallow|sqlalchemy|socket)\b", source, re.MULTILINE
        )
