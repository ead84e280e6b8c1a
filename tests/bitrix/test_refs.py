"""Batches that go in several requests mean what they mean in one."""

from __future__ import annotations

import pytest

from integration.bitrix import calls
from integration.bitrix.call import Ref
from integration.bitrix.paging import chained_pages
from integration.bitrix.refs import Unresolved, keys_in, resolved


def test_a_reference_leads_to_what_the_portal_would_have_put_there() -> None:
    """bitrix24.md 4.4: keys of maps and indices of lists; what merely looks like a reference is a text."""
    results = {"p0": {"items": [{"id": 7}, {"id": 9}]}, "add": 5}
    value = {
        "a": Ref("$result[p0][items][1][id]"),
        "b": ["$result[add]", Ref("$result[add]")],
        "c": Ref("$result[x]"),
    }
    assert keys_in(value) == {"p0", "add", "x"}
    assert resolved(value, results) == {"a": 9, "b": ["$result[add]", 5], "c": "$result[x]"}
    assert isinstance(resolved(value, results)["c"], Ref)


@pytest.mark.parametrize("result", [{"items": []}, {"items": [{}] * 50}, [], None, {"items": None}])
def test_behind_a_short_page_there_is_nothing_to_ask(result: object) -> None:
    """bitrix24.md 19: the reference of the next page would be empty, and that page would hold anything."""
    chain = chained_pages(lambda after: calls.item_list("deal", ["id"], after_id=after), n=3)
    assert keys_in(chain["p1"].params) == {"p0"}
    with pytest.raises(Unresolved):
        resolved(chain["p1"].params, {"p0": result})
    assert resolved(chain["p2"].params, {"p0": result}) == chain["p2"].params
