"""Set-up is a comparison: it adds what is missing, once, and touches nothing else (product.md B1)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from integration.bitrix.links import Entity
from integration.bitrix.manifest import (
    EVENTS,
    FIELDS,
    REFERRAL_SOURCES,
    FieldMap,
    Wanted,
    fields_with,
    found_in,
    look,
    plan,
)
from integration.bitrix.tabs import FoundTabs, code_of, handler_of, state
from integration.nps import policy

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


BASE = "https://molva.example"
TABBED = Wanted(HANDLER, {"tab": {"ru": "Molva", "ua": "Molva", "en": "Molva"}}, language="ru", base=BASE)
OFFERED = frozenset(code_of(entity) for entity in ENTITIES)


def tab_calls(found: FoundTabs, portal: Any) -> list[tuple[str, str, str]]:
    """What is to be done about tabs where all else is in place."""
    calls = plan(TABBED, *portal, found).calls
    return [(call.method, call.params["PLACEMENT"], call.params["HANDLER"]) for call in calls]


def tab(entity: Entity, handler: str = "") -> dict[str, Any]:
    return {"placement": code_of(entity), "handler": handler or handler_of(BASE, entity)}


def test_each_card_gets_our_tab_once(portal: Any) -> None:
    """bitrix24.md 9.1: a repeat makes a second tab, so what is there is left alone."""
    calls = tab_calls(FoundTabs((), OFFERED), portal)
    assert sorted(calls) == sorted(("placement.bind", code_of(e), handler_of(BASE, e)) for e in ENTITIES)
    assert handler_of(BASE, "deal") == "https://molva.example/bitrix/placement/crm_deal_detail_tab"
    assert tab_calls(FoundTabs(tuple(map(tab, ENTITIES)), OFFERED), portal) == []
    bind = plan(TABBED, *portal, FoundTabs((), OFFERED)).calls[0]
    assert bind.params["LANG_ALL"]["ua"]["TITLE"] == bind.params["TITLE"] == "Molva"
    assert (bind.repeat, bind.probe is not None) == (False, True)


def test_a_tab_is_bound_only_where_the_portal_has_room_for_it(portal: Any) -> None:
    """Leads may be switched off; and where nothing was told nothing is done."""
    offered = OFFERED - {code_of("lead")}
    assert code_of("lead") not in {code for _, code, _ in tab_calls(FoundTabs((), offered), portal)}
    assert tab_calls(FoundTabs((), OFFERED, "insufficient_scope"), portal) == []
    assert state(BASE, "lead", FoundTabs((), offered)) == "not_offered"
    assert state(BASE, "lead", FoundTabs((), OFFERED, "x")) == "unknown"


def test_stale_and_double_tabs_are_put_right_and_others_left(portal: Any) -> None:
    """Unbound by their exact handler: without one the portal would remove all of the place."""
    old = "http://old.example:8080/bitrix/placement/crm_deal_detail_tab"
    foreign = tab("deal", "https://molva.example/other/page")
    rest = [tab(entity) for entity in ENTITIES if entity != "deal"]
    right = tab("deal")["handler"]
    moved = FoundTabs((*rest, tab("deal", old), foreign), OFFERED)
    assert tab_calls(moved, portal) == [
        ("placement.unbind", code_of("deal"), old), ("placement.bind", code_of("deal"), right),
    ]  # fmt: skip
    assert state(BASE, "deal", moved) == "elsewhere"
    both = FoundTabs((*rest, tab("deal", old), tab("deal")), OFFERED)
    assert tab_calls(both, portal) == [("placement.unbind", code_of("deal"), old)]
    double = FoundTabs((*rest, tab("deal"), tab("deal"), foreign), OFFERED)
    assert tab_calls(double, portal) == [
        ("placement.unbind", code_of("deal"), right), ("placement.bind", code_of("deal"), right),
    ]  # fmt: skip
    assert state(BASE, "deal", double) == "double"


def test_tabs_are_read_with_everything_else_in_one_request() -> None:
    """Only where there are tabs to be had: a webhook has none."""
    reads = look(TABBED)
    assert len(reads) <= 50
    assert {reads["tabs"].method, reads["places"].method} == {"placement.get", "placement.list"}
    assert "tabs" not in look(WANTED)
    found = found_in({"tabs": [tab("deal")], "places": {"0": "crm_deal_detail_tab"}})[2]
    assert state(BASE, "deal", found) == "ok"
    assert found_in({"tabs": [tab("deal")]})[2].problem


def test_referral_sources_are_one_truth_and_own_ones_follow(portal: Any) -> None:
    """product.md R1: what the settings call a source is the XML_ID of its item; nobody's items are touched."""
    assert REFERRAL_SOURCES == policy.REFERRAL_SOURCES
    fields = fields_with([*REFERRAL_SOURCES[:3], "own_club", "own_club"])
    assert fields[0].values == (*REFERRAL_SOURCES, "own_club")
    assert fields[1:] == FIELDS[1:]
    labels = {"UF_CRM_MOLVA_REFERRAL_SOURCE.own_club": {"ru": "Клуб"}}
    calls = plan(Wanted(HANDLER, labels, "ru", fields=fields), *portal).calls
    assert {call.method.rsplit(".", 1)[1] for call in calls} == {"update"}
    sent = calls[0].params["fields"]["LIST"]
    assert [item["XML_ID"] for item in sent] == [*REFERRAL_SOURCES, "own_club"]
    assert all("ID" in item for item in sent[:-1])
    assert sent[-1]["VALUE"] == "Клуб"


def test_an_own_source_that_is_renamed_is_renamed_in_the_portal_and_standard_ones_are_left() -> None:
    """The name in the settings goes to the items with the same number; what people called ours stays theirs."""
    fields: dict[Entity, list[dict[str, Any]]] = {}
    wanted = [Wanted(HANDLER, {"UF_CRM_MOLVA_REFERRAL_SOURCE.own_club": {"ru": text}}, "ru", (),
                     fields_with([*REFERRAL_SOURCES, "own_club"])[:1]) for text in ("Клуб", "Клуб друзей")]  # fmt: skip
    applied(plan(wanted[0], [], fields).calls, fields, [])
    fields["deal"][0]["LIST"][0]["VALUE"] = "Наш клиент"
    assert len(plan(wanted[0], [], fields)) == 0
    calls = plan(wanted[1], [], fields).calls
    assert {call.method for call in calls} == {f"crm.{entity}.userfield.update" for entity in ENTITIES}
    sent = next(call for call in calls if call.method == "crm.deal.userfield.update").params["fields"]["LIST"]
    assert [sent[0]["VALUE"], sent[-1]["VALUE"]] == ["Наш клиент", "Клуб друзей"]
    assert all(item["ID"] for item in sent)


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
    for name in (
        "budget",
        "call",
        "calls",
        "errors",
        "layouts",
        "limits",
        "links",
        "manifest",
        "paging",
        "protocol",
        "tabs",
        "widgets",
    ):
        source = (folder / f"{name}.py").read_text(encoding="utf-8")
        assert not re.search(
            r"^(import|from) (flask|requests|marshmallow|sqlalchemy|socket)\b", source, re.MULTILINE
        )
