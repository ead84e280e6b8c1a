"""Sections in, sections out: what others put into a card goes through untouched (product.md B1; bitrix24.md 8.5)."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.bitrix import widgets
from integration.bitrix.layouts import (
    NAME,
    Difference,
    difference,
    digest,
    names,
    read,
    same,
    with_fields,
    without_ours,
)

OURS = ["UF_CRM_MOLVA_NPS_SCORE", "UF_CRM_MOLVA_REFERRER", "UF_CRM_MOLVA_REFERRAL_DATE"]


def section(name: str, *elements: str, title: str = "", **more: Any) -> dict[str, Any]:
    rows = [{"name": one, "optionFlags": "0"} for one in elements]
    return {"name": name, "title": title or name.title(), "type": "section", "elements": rows, **more}


PLAIN = [section("main", "TITLE", "STAGE_ID"), section("more", "COMMENTS")]
_codes = st.sampled_from(["TITLE", "STAGE_ID", "UF_CRM_1", *OURS])
_sections = st.lists(
    st.builds(
        lambda name, title, many: section(name, *dict.fromkeys(many), title=title),
        st.sampled_from(["main", "more", "own", NAME]), st.text(max_size=5), st.lists(_codes, max_size=5),
    ),
    max_size=4, unique_by=lambda one: one["name"],
)  # fmt: skip


def test_our_section_comes_last_with_our_fields_alone() -> None:
    """And says of each field whether it is shown while empty."""
    after = with_fields(PLAIN, "Molva", OURS, {"UF_CRM_MOLVA_REFERRER"})
    assert after[:2] == PLAIN
    assert after[2]["name"] == NAME
    assert [(one["name"], one["optionFlags"]) for one in after[2]["elements"]] == [
        (OURS[0], "0"), (OURS[1], "1"), (OURS[2], "0"),
    ]  # fmt: skip


def test_a_field_of_ours_that_stands_somewhere_is_left_there() -> None:
    """People arrange their cards as they like."""
    placed = [section("main", "TITLE", OURS[0]), section("more", "COMMENTS")]
    after = with_fields(placed, "Molva", OURS)
    assert names(after).count(OURS[0]) == 1
    assert after[0] == placed[0]
    everywhere = with_fields(after, "Molva", OURS)
    assert everywhere == after


def test_our_own_section_is_filled_up_under_the_title_people_gave_it() -> None:
    """A later version brings more fields into the section that is there."""
    before = [*PLAIN, section(NAME, OURS[0], title="Лояльность")]
    after = with_fields(before, "Molva", OURS)
    assert [one["name"] for one in after] == ["main", "more", NAME]
    assert (after[2]["title"], names([after[2]])) == ("Лояльность", OURS)


def test_only_what_is_ours_in_our_section_goes() -> None:
    """Our field in another section stays where somebody put it, and so does a foreign one in ours."""
    now = [section("main", "TITLE", OURS[0]), section(NAME, OURS[1], "UF_CRM_777", OURS[2])]
    left = without_ours(now, OURS)
    assert left == [now[0], section(NAME, "UF_CRM_777")]
    assert without_ours([*PLAIN, section(NAME, *OURS)], OURS) == PLAIN


@given(_sections)
def test_adding_and_taking_out_loses_nothing_of_others(sections: list[dict[str, Any]]) -> None:
    """Whatever a portal holds: the elements of others come through both ways in their order, and nothing is altered."""
    given_ones = deepcopy(sections)
    after = with_fields(sections, "Molva", OURS)
    left = without_ours(after, OURS)
    foreign = [name for name in names(sections) if name not in OURS]
    assert [name for name in names(after) if name not in OURS] == foreign
    assert [name for name in names(left) if name not in OURS] == foreign
    assert set(OURS) <= set(names(after))
    assert sections == given_ones
    assert with_fields(after, "Molva", OURS) == after


@given(_sections)
def test_undoing_restores_what_was_there(sections: list[dict[str, Any]]) -> None:
    """Where nothing of ours was in our section, taking it out is the same as going back."""
    clean = [one for one in sections if one["name"] != NAME]
    assert same(without_ours(with_fields(clean, "Molva", OURS), OURS), clean)


@given(_sections, _sections)
def test_equal_layouts_and_only_they_have_no_difference(
    one: list[dict[str, Any]], other: list[dict[str, Any]]
) -> None:
    """A digest stands for the layout, a difference is told exactly where there is one."""
    assert bool(difference(one, other)) == (not same(one, other))
    assert (digest(one) == digest(other)) == same(one, other)
    assert not difference(one, deepcopy(one))


def test_numbers_and_their_texts_are_the_same_to_the_portal() -> None:
    """It takes numbers and answers texts."""
    one = [{"name": "a", "title": "A", "type": "section", "elements": [{"name": "X", "optionFlags": 1}]}]
    other = [{"name": "a", "title": "A", "type": "section", "elements": [{"name": "X", "optionFlags": "1"}]}]
    assert same(one, other)
    assert not same(one, [{**other[0], "elements": [{"name": "X", "optionFlags": "0"}]}])


def test_a_difference_names_what_came_went_moved_and_was_renamed() -> None:
    """So that an administrator can decide."""
    after = [
        section("main", "TITLE", "COMMENTS", title="Everything"),
        section("new", "UF_CRM_5"),
    ]
    assert difference(PLAIN, after) == Difference(
        sections_added=("New",), sections_removed=("More",), sections_renamed=(("Main", "Everything"),),
        added=("UF_CRM_5",), removed=("STAGE_ID",), moved=("COMMENTS",),
    )  # fmt: skip
    assert difference(PLAIN, [PLAIN[1], PLAIN[0]]) == Difference(order=True)


@pytest.mark.parametrize("answer", [[], {}, None, False, "", [{}], [{"name": "", "elements": []}]])
def test_a_portal_without_a_layout_of_its_own_shows_none(answer: Any) -> None:
    """Empty PHP arrays come as lists or objects (bitrix24.md 4.4, 8.5)."""
    assert read(answer) == []


def test_sections_keyed_by_number_are_read_too() -> None:
    assert read({"0": PLAIN[0], "1": PLAIN[1]}) == PLAIN


def test_the_common_view_is_asked_for_and_never_forced_upon_people() -> None:
    """Deals by pipeline, leads by their kind, nobody's own view (bitrix24.md 8.5)."""
    call = widgets.layout_set("deal", 9, PLAIN)
    assert call.params["scope"] == "C"
    assert call.params["extras"] == {"dealCategoryId": 9}
    assert "forceCommonScopeForAll" not in str(call.params)
    assert widgets.layout_get("lead", 2).params["extras"] == {"leadCustomerType": 2}
    assert "extras" not in widgets.layout_get("contact").params
    assert call.repeat
