"""What goes over the wire means the same on both sides, for whatever people write and portals answer.

The other side is stated here anew, from PHP's rules and the platform's documentation, or is the sandbox, which
was written apart from the product.
"""

from __future__ import annotations

import json
import re
from time import process_time
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from integration.bitrix import calls
from integration.bitrix.call import Call, Ref
from integration.bitrix.client import read_batch
from integration.bitrix.errors import BitrixError
from integration.bitrix.form_keys import (
    MAX_DEPTH,
    MAX_KEY,
    MAX_PAIRS,
    MAX_VALUE,
    ProtocolError,
    flatten,
    unflatten,
)
from integration.bitrix.paging import chained_pages, unchain
from integration.bitrix.protocol import command
from integration.bitrix.refs import Unresolved, resolved
from integration.bitrix.sandbox import forms
from integration.bitrix.sandbox.agency import bulk_deals
from integration.bitrix.sandbox.batch import resolve
from integration.bitrix.sandbox.clock import VirtualClock
from integration.bitrix.sandbox.install import add_webhook
from integration.bitrix.sandbox.portal import Portal
from integration.bitrix.sandbox.rest import Request, handle

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)

# --- forms


def php(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """``parse_str`` of PHP 8 for well-formed names: canonical whole numbers are numeric keys, ``[]`` takes the
    number behind the highest, the last of two equal names stays. A value where a group is, or a group where a
    value is, takes its place (which the product refuses)."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        top, rest = re.fullmatch(r"([^\[]+)(.*)", name, re.DOTALL).groups()  # type: ignore[union-attr]
        path = [top, *re.findall(r"\[([^\]]*)\]", rest)]
        here = root
        for place, part in enumerate(path):
            numbers = [int(key) for key in here if re.fullmatch(r"0|[1-9][0-9]{0,17}", key)]
            key = part if part or place == 0 else str(max(numbers, default=-1) + 1)
            if place == len(path) - 1:
                here[key] = value
            else:
                here = here.setdefault(key, {})
    return root


def as_php(value: Any) -> Any:
    """Lists as the arrays with the keys 0, 1, 2 … that they are in PHP."""
    if isinstance(value, list):
        return {str(place): as_php(one) for place, one in enumerate(value)}
    return {key: as_php(one) for key, one in value.items()} if isinstance(value, dict) else value


NAMES = st.sampled_from(
    ["a", "b", "FIELDS", "ключ", "0", "1", "5", "01", "-3", "12345678901", "é", " x", "=>"]
)
KEYS = st.builds(
    lambda top, inner: top + "".join(f"[{part}]" for part in inner),
    NAMES,
    st.lists(NAMES | st.just(""), max_size=3),
)
FORMS = st.lists(st.tuples(KEYS, TEXTS), max_size=12)


def contradictory(pairs: list[tuple[str, str]]) -> bool:
    """Whether some name is both a value and a group by the time it is met."""
    try:
        php(pairs)
    except (AttributeError, TypeError):  # a group under what is a text by now
        return True
    return any(isinstance(_at(php(pairs[:count]), pairs[count][0]), dict) for count in range(len(pairs)))


def _at(tree: Any, name: str) -> Any:
    parts = [re.match(r"[^\[]+", name).group(), *re.findall(r"\[([^\]]*)\]", name)]  # type: ignore[union-attr]
    for part in parts:
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree


@given(FORMS)
@example([("a[01]", "x"), ("a[]", "y")])
@example([("a[12345678901]", "x"), ("a[]", "y")])
@settings(max_examples=200)
def test_a_form_is_read_as_php_reads_it(pairs: list[tuple[str, str]]) -> None:
    """``a[]``, ``a[b][c]``, repeated names, numbers as keys, any script: the same tree, also from the percent-encoded
    body; what PHP would overwrite in silence is refused."""
    if contradictory(pairs):
        with pytest.raises(ProtocolError):
            unflatten(pairs)
        return
    assert as_php(unflatten(pairs)) == php(pairs)
    assert as_php(unflatten(parse_qsl(urlencode(pairs), keep_blank_values=True))) == php(pairs)
    assert as_php(forms.decode_pairs(pairs)) == php(pairs), "the sandbox reads it like this as well"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e6, 1e6) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abcXYZ_>=@!%", min_size=1, max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)


def written(value: Any) -> Any:
    """What of a value is there on the other side: texts, and what has any (bitrix24.md 4.1)."""
    if isinstance(value, dict):
        return {key: one for key, one in ((key, written(one)) for key, one in value.items()) if one != {}}
    if isinstance(value, list):
        inner = {str(place): one for place, one in enumerate(map(written, value)) if one != {}}
        return inner if value else {"0": ""}  # an empty list is a placeholder
    if value is None or isinstance(value, bool):
        return {None: "", True: "1", False: "0"}[value]
    return str(value)


@given(st.dictionaries(st.text("abcXYZ", min_size=1, max_size=4), VALUES, max_size=4))
def test_whatever_is_written_is_read_as_it_was_meant(params: dict[str, Any]) -> None:
    """Every JSON value has one form, and reading it back loses empty maps only."""
    assert as_php(unflatten(flatten(params))) == written(params)


def test_a_form_is_read_up_to_its_bounds_and_no_further() -> None:
    """As many fields, as deep, as long as allowed are read, quickly; one more is refused (a stranger sends it)."""
    deepest = "a" + "[b]" * (MAX_DEPTH - 1)
    widest = [(f"w[{n}][{n}]", "v" * 10) for n in range(MAX_PAIRS)]
    longest_key = "k" * MAX_KEY
    began = process_time()
    assert unflatten([(deepest, "x")])["a"]["b"]
    assert len(unflatten(widest)["w"]) == MAX_PAIRS
    assert len(unflatten([("a[]", "x")] * MAX_PAIRS)["a"]) == MAX_PAIRS
    assert unflatten([(longest_key, "v" * MAX_VALUE)])[longest_key]
    assert process_time() - began < 2
    beyond = ([(deepest + "[b]", "x")], [*widest, ("w", "x")], [(longest_key + "k", "x")])
    for pairs in (*beyond, [("k", "v" * (MAX_VALUE + 1))]):
        with pytest.raises(ProtocolError):
            unflatten(pairs)


# --- filters


OPERATORS = ("", "=", "!", "!=", ">", ">=", "<", "<=", "@", "!@", "%", "=%", "!%")
PLAIN = TEXTS | st.integers(-(10**6), 10**6).map(str) | st.just("2026-10-25T02:30:00+03:00")
CONDITIONS = st.dictionaries(
    st.builds(
        lambda op, name: op + name,
        st.sampled_from(OPERATORS),
        st.sampled_from(["id", "title", "stageId", "UF_CRM_MOLVA_NPS_SCORE"]),
    ),
    PLAIN | st.lists(PLAIN, min_size=1, max_size=3),
    min_size=1,
    max_size=4,
)
FILTERS = CONDITIONS | st.builds(
    lambda one, two: {"0": {"logic": "OR", "0": one, "1": two}}, CONDITIONS, CONDITIONS
)


@given(FILTERS)
def test_a_filter_reaches_the_portal_as_it_was_written(chosen: dict[str, Any]) -> None:
    """Operators in keys, groups, plus signs of time zones, ampersands and percent signs, through a batch's query."""
    call = calls.item_list("deal", ["id"], filter=chosen, after_id=7)
    _, _, query = command(call).partition("?")
    assert as_php(forms.decode(query)["filter"]) == as_php(chosen) | {">id": "7"}


NUMBERS = st.integers(0, 12)
TESTS = {
    "": lambda a, b: a == b, "!": lambda a, b: a != b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
}  # fmt: skip


@pytest.fixture(scope="module")
def portal() -> tuple[Portal, tuple[int, str]]:
    """A sandbox of 170 deals without servers and limits, and a webhook into it."""
    made = Portal(VirtualClock())
    made.load(bulk_deals(170, 5))
    made.state.settings.update({"rate_limit": {"on": False}, "operating": {"on": False}})
    path = add_webhook(made, 1, None).rstrip("/").split("/")
    return made, (int(path[-2]), path[-1])


Served = tuple[Portal, tuple[int, str]]


def ask(portal: Served, batch: dict[str, Call]) -> dict[str, Any]:
    """A batch as the client sends it, answered by the sandbox."""
    body = {"halt": 0, "cmd": {key: command(call) for key, call in batch.items()}}
    status, answer = handle(portal[0], Request("batch", json.loads(json.dumps(body)), webhook=portal[1]))
    assert status == 200
    return answer


@given(st.lists(st.tuples(st.sampled_from(list(TESTS)), st.integers(0, 171)), min_size=1, max_size=3))
@settings(max_examples=40)
def test_a_filter_chooses_what_it_says(portal: Served, conditions: list[tuple[str, int]]) -> None:
    """Bounds and exceptions on ids, all at once: the rows that plain comparison would choose."""
    chosen = {f"{op}id": number for op, number in conditions}
    wanted = [n for n in range(1, 171) if all(TESTS[key[:-2]](n, value) for key, value in chosen.items())]
    params = {"entityTypeId": 2, "select": ["id"], "filter": chosen, "order": {"id": "ASC"}, "start": -1}
    got = ask(portal, {"a": Call("crm.item.list", params)})["result"]["result"]["a"]["items"]
    assert [row["id"] for row in got] == wanted[:50]


# --- references in a batch


@given(st.integers(0, 175), st.integers(1, 6), st.integers(0, 7))
@settings(max_examples=40)
def test_a_chain_that_runs_past_the_end_brings_every_row_once(
    portal: Served, after: int, pages: int, failing: int
) -> None:
    """Behind a short page the reference leads nowhere, the portal lists from the beginning, and that is dropped;
    behind a failed page the walk stops without calling it the end (bitrix24.md 4.4, 19)."""
    batch = chained_pages(lambda ref: calls.item_list("deal", ["id"], after_id=ref), after, pages)
    answer = read_batch(ask(portal, batch), {key: call.method for key, call in batch.items()})
    left = list(range(after + 1, 171))
    broken = f"p{failing}"
    results = {key: one for key, one in answer.results.items() if key != broken}
    if failing == 0:
        with pytest.raises(BitrixError):
            unchain(results, {broken: BitrixError("m", "x")})
        return
    got = unchain(results, {broken: BitrixError("m", "x")})
    most = 50 * min(pages, failing)
    assert [row["id"] for row in got.rows] == left[:most]
    assert got.exhausted == (len(left) < most)


PIECES = st.sampled_from(
    [
        "$result[",
        "$result",
        "[",
        "]",
        "a]",
        "[0]",
        "$",
        "%24result[a]",
        "$RESULT[a]",
        "\u2060",
        "x&y=1",
        "+",
        "слово",
    ]
)


@given(st.lists(PIECES, max_size=8).map("".join))
def test_no_words_of_a_client_become_a_reference(words: str) -> None:
    """However they are put together, the portal finds no reference in them, and they are read as they were
    written but for the invisible joiner."""
    results = {"a": "stolen", "": "stolen", "0": "stolen"}
    _, _, query = command(calls.item_update("deal", 5, {"UF_CRM_X": words})).partition("?")
    got = resolve(forms.decode(query), results)["fields"]["UF_CRM_X"]
    assert "stolen" not in got
    assert got.replace("\u2060", "") == words.replace("\u2060", "")


STEPS = st.sampled_from(["0", "1", "-1", "49", "a", "id", ""])
TREES = st.recursive(
    st.none() | st.integers(1, 99) | st.text("xyz", min_size=1, max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "id", "0"]), inner, max_size=2)
    ),
    max_leaves=6,
)
PATHS = st.builds(lambda key, steps: [key, *steps], st.sampled_from("ab"), st.lists(STEPS, max_size=3))


@given(st.fixed_dictionaries({"a": st.lists(TREES, max_size=2)}, optional={"b": TREES}), PATHS)
@example({"a": [1, 2]}, ["a", "-1"])
@example({"a": [None]}, ["a", "0"])
@example({"a": []}, ["a", "49", "id"])
@settings(max_examples=200)
def test_a_reference_resolved_here_is_the_one_the_portal_resolves(
    results: dict[str, Any], path: list[str]
) -> None:
    """Where a batch goes in two requests, the earlier one's results are put in by us: the same value, and an error
    where the portal would put nothing."""
    ref = Ref("$result" + "".join(f"[{step}]" for step in path))
    theirs = resolve(str(ref), results)
    try:
        ours = resolved({"filter": {">id": ref}}, results)["filter"][">id"]
    except Unresolved:
        assert theirs == ""
        return
    if path[0] not in results:
        assert ours is ref, "it is left for a later request"
    else:
        assert ours == theirs
