"""Two readings of the wire format agree; virtual time is shared through its file; an agency survives JSON."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration.bitrix import form_keys
from integration.bitrix.sandbox import forms
from integration.bitrix.sandbox.agency import Agency, bulk_deals, load_agency
from integration.bitrix.sandbox.clock import VirtualClock
from integration.bitrix.sandbox.fields import camel_uf
from tests.bitrix.sandbox.agencies import small_agency

_KEYS = st.text("ABCxyz_~>=@!", min_size=1, max_size=6)
_TEXTS = st.text(max_size=12)
_TREES = st.dictionaries(
    _KEYS,
    st.recursive(
        _TEXTS,
        lambda inner: (
            st.lists(inner, min_size=1, max_size=4) | st.dictionaries(_KEYS, inner, min_size=1, max_size=4)
        ),
        max_leaves=12,
    ),
    min_size=1,
    max_size=5,
)


@given(_TREES)
@settings(max_examples=60, deadline=None)
def test_what_is_encoded_is_decoded(tree: dict[str, Any]) -> None:
    """Encoding nested data as a PHP form and reading it back gives the same data."""
    assert forms.decode(forms.encode(tree)) == tree


@given(_TREES)
@settings(max_examples=60, deadline=None)
def test_the_product_and_the_sandbox_read_alike(tree: dict[str, Any]) -> None:
    """Two independently written readings of one body agree."""
    pairs = parse_qsl(forms.encode(tree), keep_blank_values=True)
    assert form_keys.unflatten(pairs) == forms.decode_pairs(pairs) == tree


@given(_TREES)
@settings(max_examples=60, deadline=None)
def test_the_product_and_the_sandbox_write_alike(tree: dict[str, Any]) -> None:
    """What the product flattens the sandbox understands."""
    assert forms.decode_pairs(form_keys.flatten(tree)) == tree


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("a[]=1&a[]=2", {"a": ["1", "2"]}),
        ("a[b][]=1&a[c]=2", {"a": {"b": ["1"], "c": "2"}}),
        ("a[1]=x", {"a": {"1": "x"}}),
        ("filter%5B%3Eid%5D=5", {"filter": {">id": "5"}}),
        ("a=1&a=2", {"a": "2"}),
        ("a[=1", {"a[": "1"}),
        ("", {}),
        ("a[b]=1&a[b][c]=2", {"a": {"b": {"c": "2"}}}),
    ],
)
def test_php_readings(text: str, want: dict[str, Any]) -> None:
    """Cases in which PHP's way is not the obvious one."""
    assert forms.decode(text) == want


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("UF_CRM_3_DIGIT", "ufCrm3Digit"),
        ("UF_CRM_3_1747309727", "ufCrm3_1747309727"),
        ("UF_CRM_3_DIGIT10", "ufCrm_3_DIGIT10"),
        ("UF_CRM_3_DIGIT_10", "ufCrm_3_DIGIT_10"),
        ("UF_CRM_1747309879", "ufCrm_1747309879"),
        ("UF_CRM_10_5186744711", "ufCrm10_5186744711"),
        ("UF_CRM_MOLVA_SCORE", "ufCrmMolvaScore"),
    ],
)
def test_the_two_rules_of_user_field_names(name: str, want: str) -> None:
    """The table of bitrix24.md 7.3 and of the platform's page."""
    assert camel_uf(name) == want


def test_the_clock_follows_its_file(tmp_path: Path) -> None:
    """Another process's write is seen at once; a lost or broken file keeps the last known offset."""
    file = tmp_path / "clock"
    clock = VirtualClock(file)
    assert abs(clock.time() - time.time()) < 600
    file.write_text("86400\n")
    assert abs(clock.time() - time.time() - 86400) < 600
    file.write_text("nonsense")
    assert clock.offset() == 86400
    file.unlink()
    assert clock.offset() == 86400


def test_advances_from_many_threads_add_up(tmp_path: Path) -> None:
    """The lock loses no step."""
    file = tmp_path / "clock"
    clocks = [VirtualClock(file) for _ in range(4)]
    threads = [threading.Thread(target=lambda c=clock: [c.advance(1) for _ in range(25)]) for clock in clocks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert VirtualClock(file).offset() == 100


def test_an_agency_survives_json(tmp_path: Path) -> None:
    """Out and in gives the same data; unknown parts are refused."""
    file = tmp_path / "agency.json"
    file.write_text(small_agency().to_json(), encoding="utf-8")
    assert load_agency(file) == small_agency()
    with pytest.raises(ValueError, match="nonsense"):
        Agency.from_json('{"nonsense": []}')


def test_a_bulk_agency_has_the_asked_share_of_wins() -> None:
    """Half of the deals are won by default."""
    deals = bulk_deals(1000, 10).deals
    assert (len(deals), sum(deal["stageId"] == "WON" for deal in deals)) == (1000, 500)
