"""Calls as values: what each builder asks for, how pages chain, how probes look."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.bitrix import calls
from integration.bitrix.call import at_path
from integration.bitrix.calls import (
    Call,
    Probe,
    Ref,
    chained_pages,
    checklist_add,
    comment_add,
    created_id,
    crm_link,
    found_by,
    item_get,
    item_list,
    offset_pages,
    parse_link,
    parse_links,
    task_add,
    unchain,
    user_list,
    userfield_add,
)
from integration.bitrix.errors import NotFound

SAMPLES: dict[str, Any] = {
    "entity": "deal", "id": 7, "fields": {"TITLE": "t", "FIELD_NAME": "MOLVA_X"}, "select": ["id"], "text": "words",
    "key": "k1", "title": "t", "task_id": 3, "event": "ONCRMDEALADD", "handler": "https://app.example/e", "ids": [4, 5],
    "filter": {"UF_CRM_TASK": "D_1"},
}  # fmt: skip
BUILDERS = [
    function
    for name, function in vars(calls).items()
    if inspect.isfunction(function) and function.__annotations__.get("return") == "Call" and name != "call"
]


def build(builder: Any) -> Call:
    wanted = [p.name for p in inspect.signature(builder).parameters.values() if p.default is p.empty]
    return builder(**{name: SAMPLES[name] for name in wanted})


@pytest.mark.parametrize("builder", BUILDERS, ids=lambda b: b.__name__)
def test_every_builder_names_a_listed_method_and_holds_only_plain_data(builder: Any) -> None:
    """What a builder makes survives the queue, and its method is on the list the sandbox is held to."""
    call = build(builder)
    assert call.method in calls.METHODS
    assert Call.from_json(json.loads(json.dumps(call.to_json()))) == call


def test_every_listed_method_has_a_builder() -> None:
    """The list names nothing Molva does not call."""
    built = {build(builder).method for builder in BUILDERS}
    for entity in calls.ENTITY_TYPES:
        built |= {f"crm.{entity}.userfield.{verb}" for verb in ("list", "add", "update")}
    assert built == calls.METHODS


@pytest.mark.parametrize("builder", BUILDERS, ids=lambda b: b.__name__)
def test_creating_calls_bring_a_probe_and_no_others_do(builder: Any) -> None:
    """A call may be repeated blindly exactly when it needs no probe."""
    call = build(builder)
    assert (call.probe is not None) == (not call.repeat) == call.method.endswith(".add")
    if call.probe is not None:
        assert call.probe.method in calls.METHODS


@pytest.mark.parametrize("builder", BUILDERS, ids=lambda b: b.__name__)
def test_items_are_asked_for_with_original_field_names(builder: Any) -> None:
    """bitrix24.md 7.3: otherwise user fields come under converted names."""
    call = build(builder)
    assert (call.params.get("useOriginalUfNames") == "Y") == call.method.startswith("crm.item.")


def test_a_page_of_items_walks_by_id_without_counting() -> None:
    """bitrix24.md 4.5: fast paging."""
    call = item_list("deal", ["id", "title"], filter={"@stageSemanticId": ["S"]}, after_id=77)
    assert call.params["start"] == -1
    assert call.params["order"] == {"id": "ASC"}
    assert call.params["filter"] == {"@stageSemanticId": ["S"], ">id": 77}
    assert item_list("deal", ["id"], counted=True).params["start"] == 0


def test_a_chain_refers_to_the_fiftieth_row_of_the_page_before() -> None:
    """bitrix24.md 4.4: `$result[key][items][49][id]`."""
    batch = chained_pages(lambda after: item_list("deal", ["id"], after_id=after), after_id=12)
    assert len(batch) == 50
    assert batch["p0"].params["filter"][">id"] == 12
    reference = batch["p7"].params["filter"][">id"]
    assert isinstance(reference, Ref)
    assert reference == "$result[p6][items][49][id]"


def pages_of(ids: range) -> dict[str, Any]:
    chunks = [list(ids[i : i + 50]) for i in range(0, len(ids), 50)]
    return {f"p{k}": {"items": [{"id": one} for one in chunk]} for k, chunk in enumerate(chunks)}


def test_what_follows_a_short_page_is_discarded() -> None:
    """bitrix24.md 19: the references behind a short page are empty, so those pages start anew."""
    answer = pages_of(range(1, 131))
    answer["p3"] = {"items": [{"id": one} for one in range(1, 51)]}
    pages = unchain(answer)
    assert [row["id"] for row in pages.rows] == list(range(1, 131))
    assert pages.exhausted


def test_a_chain_of_full_pages_is_not_exhausted() -> None:
    """Fifty full pages may be followed by more."""
    rows, exhausted = unchain(pages_of(range(1, 2501)), totals={"p0": 20_000})
    assert len(rows) == 2500
    assert not exhausted
    assert unchain(pages_of(range(1, 2501)), totals={"p0": 20_000}).total == 20_000


def test_a_failed_page_ends_the_rows_without_exhausting_them() -> None:
    """The next batch begins with the page that failed, and then its error shows."""
    answer = pages_of(range(1, 151))
    del answer["p1"]
    pages = unchain(answer, {"p1": NotFound("crm.item.list", "NOT_FOUND")})
    assert [row["id"] for row in pages.rows] == list(range(1, 51))
    assert not pages.exhausted
    with pytest.raises(NotFound):
        unchain({}, {"p0": NotFound("crm.item.list", "NOT_FOUND")})


@given(st.integers(0, 4000), st.integers(1, 50))
def test_walking_by_chains_brings_every_row_once(count: int, pages: int) -> None:
    """For any number of rows and any length of chain the walk ends with all rows in order."""
    ids = [3 * n + 1 for n in range(count)]
    seen: list[int] = []
    for _ in range(count // (50 * pages) + 2):
        last = seen[-1] if seen else 0
        answer: dict[str, Any] = {}
        after: int | None = last
        for key in chained_pages(lambda a: item_list("deal", ["id"], after_id=a), last, pages):
            page = [one for one in ids if one > (after or 0)][:50]
            answer[key] = {"items": [{"id": one} for one in page]}
            after = page[49] if len(page) == 50 else None
        got = unchain(answer)
        seen += [row["id"] for row in got.rows]
        if got.exhausted:
            break
    assert seen == ids


def test_users_are_paged_by_offset() -> None:
    """`user.get` knows no filter by id beyond a value."""
    batch = offset_pages(user_list, start=100, n=3)
    assert [call.params["start"] for call in batch.values()] == [100, 150, 200]


def test_a_comment_ends_with_its_key_and_the_probe_finds_it() -> None:
    """Comments have no field of ours: the key in the text is the only mark."""
    call = comment_add("deal", 10, "NPS 9", "m-1a2b")
    text = call.params["fields"]["COMMENT"]
    assert text == "NPS 9\n(m-1a2b)"
    assert call.probe is not None
    found = [{"ID": "5", "COMMENT": "other (m-1a2)"}, {"ID": "9", "COMMENT": f"{text} "}]
    assert found_by(call.probe, found) == 9
    assert found_by(call.probe, found[:1]) is None
    assert found_by(call.probe, []) is None


def test_a_task_is_found_by_its_key_among_the_tasks_of_its_card() -> None:
    """bitrix24.md 11.2: XML_ID cannot be filtered, so the bound card is."""
    call = task_add({"TITLE": "Call", "RESPONSIBLE_ID": 6, "UF_CRM_TASK": ["CO_5", "D_10"]}, "molva:f:1")
    assert call.params["fields"]["XML_ID"] == "molva:f:1"
    assert call.probe is not None
    assert call.probe.params["filter"] == {"UF_CRM_TASK": "CO_5"}
    rows = {"tasks": [{"id": "3", "xmlId": "molva:f:2"}, {"id": "4", "xmlId": "molva:f:1"}]}
    assert found_by(call.probe, rows) == 4
    assert found_by(call.probe, {"tasks": []}) is None
    unbound = task_add({"TITLE": "Plan 2026", "RESPONSIBLE_ID": 6}, "k").probe
    assert unbound is not None
    assert unbound.params["filter"] == {"TITLE": "Plan 2026"}


def test_a_checklist_item_keeps_the_documented_order_of_parameters() -> None:
    """bitrix24.md 4.1: `task.checklistitem.*` is positional."""
    assert list(checklist_add(13, "Agree a meeting").params) == ["TASKID", "FIELDS"]


def test_a_new_field_is_found_by_its_full_name() -> None:
    """The portal prefixes the name it was given."""
    probe = userfield_add("deal", {"FIELD_NAME": "MOLVA_NPS_SCORE"}).probe
    assert probe is not None
    assert found_by(probe, [{"ID": "6997", "FIELD_NAME": "UF_CRM_MOLVA_NPS_SCORE"}]) == 6997


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (999, 999), ("999", 999), ({"id": 5}, 5), ({"task": {"id": "3711"}}, 3711), ({"item": {"id": 8}}, 8),
        ([], None), (None, None), (True, None), ({"task": {}}, None), ("x", None),
    ],
)  # fmt: skip
def test_the_new_id_is_read_from_every_shape_of_answer(result: Any, expected: int | None) -> None:
    """bitrix24.md 7.2, 10.1, 11.1."""
    assert created_id(result) == expected


@pytest.mark.parametrize(
    ("value", "single", "expected"),
    [
        ("CO_5", None, ("company", 5)), ("D_10", None, ("deal", 10)), ("c_7", None, ("contact", 7)),
        (["C_123", "CO_456"], None, ("contact", 123)), ("5", "company", ("company", 5)), (5, "contact", ("contact", 5)),
        ("5", None, None), ("", "company", None), (0, "company", None), (None, "company", None), (False, "deal", None),
        ([], None, None), ({}, None, None), ("T80_6", None, None), ("CO_x", None, None), ("CO_", None, None),
        ("CO_٣", None, None), ("CO_" + "9" * 40, None, None), (True, "deal", None), ("D_0", None, None),
    ],
)  # fmt: skip
def test_bindings_are_read_in_both_stored_forms(value: Any, single: Any, expected: Any) -> None:
    """bitrix24.md 8.4: prefixed, or a bare id where one kind only is allowed."""
    assert parse_link(value, single) == expected


@given(st.sampled_from(["lead", "deal", "contact", "company"]), st.integers(1, 10**15))
def test_a_binding_written_is_the_binding_read(entity: Any, id: int) -> None:
    """crm_link and parse_link agree."""
    assert parse_link(crm_link(entity, id)) == (entity, id)
    assert parse_links([crm_link(entity, id), "junk"]) == [(entity, id)]


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.text(), st.dictionaries(st.text(), plain), st.booleans(), st.text(), st.booleans())
def test_calls_and_probes_survive_json(
    method: str, params: Any, repeat: bool, text: str, contains: bool
) -> None:
    """They lie in the queue as JSON."""
    call = Call(method, params, repeat, Probe(method, params, text, text, text, contains))
    assert Call.from_json(json.loads(json.dumps(call.to_json()))) == call


@given(plain, plain)
def test_no_answer_breaks_a_probe(result: Any, other: Any) -> None:
    """A probe's answer may be anything."""
    probe = Probe("m", {}, "ID", "1", many_path="a.b")
    for answer in (
        result,
        {"a": result},
        {"a": {"b": [result, other]}},
        {"a": {"b": {"0": {"ID": other, "id": result}}}},
    ):
        found = found_by(probe, answer)
        assert found is None or isinstance(found, int)
        created_id(answer)
    assert at_path({"a": {"b": result}}, "a.b") == result


def test_one_card_may_be_read_by_reference_to_another() -> None:
    """Deal and company in one batch."""
    assert (
        item_get("company", Ref("$result[deal][item][companyId]")).params["id"]
        == "$result[deal][item][companyId]"
    )
