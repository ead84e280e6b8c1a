"""Parsers of what strangers send: read right, or refused, never broken."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from integration.bitrix.call import Call, Ref
from integration.bitrix.calls import item_update
from integration.bitrix.form_keys import MAX_PAIRS, ProtocolError, flatten, unflatten
from integration.bitrix.protocol import (
    Event,
    Frame,
    command,
    parse_auth,
    parse_event,
    parse_frame,
    placement_options,
    same_token,
    scopes,
)

AUTH = {
    "domain": "Some-Domain.bitrix24.ru", "scope": "crm task placement", "access_token": "acc-1",
    "refresh_token": "ref-1",
    "expires_in": "3600", "server_endpoint": "https://oauth.bitrix.info/rest/", "status": "F", "user_id": "1",
    "client_endpoint": "https://some-domain.bitrix24.ru/rest/", "member_id": "a223c6b3", "application_token": "app-1",
}  # fmt: skip


def form(event: str, data: dict[str, Any], auth: dict[str, str] | None = None) -> list[tuple[str, str]]:
    body = {"event": event, "event_handler_id": "185", "data": data, "ts": "1766047124", "auth": auth or AUTH}
    return parse_qsl(urlencode(flatten(body)), keep_blank_values=True)


# --- nested keys


names = st.text(
    st.characters(exclude_characters="[]", exclude_categories=["Cs", "Nd"]), min_size=1, max_size=8
)
trees = st.recursive(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3) | st.dictionaries(names, inner, min_size=1, max_size=3)
    ),
    max_leaves=12,
).filter(lambda tree: depth(tree) <= 6)


def depth(tree: Any) -> int:
    if isinstance(tree, dict):
        return 1 + max((depth(one) for one in tree.values()), default=0)
    return 1 + max((depth(one) for one in tree), default=0) if isinstance(tree, list) else 0


@given(st.dictionaries(names, trees, min_size=1, max_size=4))
def test_what_is_flattened_is_unflattened(tree: dict[str, Any]) -> None:
    """Form keys and nested values say the same, over a real query string too."""
    assert unflatten(flatten(tree)) == tree
    assert unflatten(parse_qsl(urlencode(flatten(tree)), keep_blank_values=True)) == tree


@pytest.mark.parametrize(
    ("value", "pairs"),
    [
        ({"a": None}, [("a", "")]), ({"a": True, "b": False}, [("a", "1"), ("b", "0")]), ({"a": []}, [("a[]", "")]),
        ({"a": {}, "b": ""}, [("b", "")]), ({"a": 9.5, "b": 3}, [("a", "9.5"), ("b", "3")]),
        ({"fields": {"PHONE": [{"VALUE": "1"}]}}, [("fields[PHONE][0][VALUE]", "1")]),
        ({"filter": {">id": 5, "@stage": ["S", "P"]}},
         [("filter[>id]", "5"), ("filter[@stage][0]", "S"), ("filter[@stage][1]", "P")]),
    ],
)  # fmt: skip
def test_values_are_written_as_php_reads_them(value: dict[str, Any], pairs: list[tuple[str, str]]) -> None:
    """bitrix24.md 4.1."""
    assert flatten(value) == pairs


def test_keys_are_read_as_php_reads_them() -> None:
    """Lists by number or by `[]`, the last of equal keys, gaps stay maps."""
    assert unflatten([("a[0]", "x"), ("a[1]", "y")]) == {"a": ["x", "y"]}
    assert unflatten([("a[]", "x"), ("a[]", "y")]) == {"a": ["x", "y"]}
    assert unflatten([("a[5]", "x"), ("a[]", "y")]) == {"a": {"5": "x", "6": "y"}}
    assert unflatten([("a", "x"), ("a", "y")]) == {"a": "y"}
    assert unflatten([("a[b][c]", "x"), ("a[b][d]", "y")]) == {"a": {"b": {"c": "x", "d": "y"}}}


@pytest.mark.parametrize(
    "pairs",
    [
        [("a" + "[b]" * 9, "x")], [(f"k{n}", "x") for n in range(MAX_PAIRS + 1)], [("k" * 300, "x")],
        [("k", "x" * 70_000)], [("a[b", "x")], [("[a]", "x")], [("", "x")], [("a]b", "x")], [("a[b]c", "x")],
        [("a", "x"), ("a[b]", "y")], [("a[b]", "y"), ("a", "x")], [("a[b[c]]", "x")],
    ],
    ids=["deep", "many", "long key", "long value", "open", "no name", "empty", "stray", "tail", "value then group",
         "group then value", "nested brackets"],
)  # fmt: skip
def test_hostile_keys_are_refused(pairs: list[tuple[str, str]]) -> None:
    """Too deep, too many, too long, malformed or contradictory."""
    with pytest.raises(ProtocolError):
        unflatten(pairs)


@given(st.lists(st.tuples(st.text(alphabet="ab01[]", max_size=20), st.text(max_size=5)), max_size=30))
def test_no_form_breaks_the_reader(pairs: list[tuple[str, str]]) -> None:
    """Whatever comes is read or refused."""
    try:
        assert isinstance(unflatten(pairs), dict)
    except ProtocolError:
        return


# --- batch commands


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(st.dictionaries(names, trees, min_size=1, max_size=3))
def test_a_command_carries_its_values_through_one_decoding(params: dict[str, Any]) -> None:
    """The portal decodes the inner query once (bitrix24.md 4.4)."""
    assume("$result[" not in repr(params))  # broken up on purpose, as the test below says
    text = command(Call("crm.item.update", params))
    method, _, query = text.partition("?")
    assert method == "crm.item.update"
    assert " " not in query
    assert unflatten(parse_qsl(query, keep_blank_values=True)) == params


def test_a_command_without_parameters_is_the_method() -> None:
    """As the documentation writes it."""
    assert command(Call("profile")) == "profile"


def test_words_of_a_client_never_become_a_reference() -> None:
    """A comment that says `$result[…]` must not pull another card's data into this one."""
    text = command(item_update("deal", 5, {"UF_CRM_X": "see $result[p0][items][0][title] & more"}))
    value = dict(parse_qsl(text.partition("?")[2]))["fields[UF_CRM_X]"]
    assert "$result[" not in value
    assert value.replace("\u2060", "") == "see $result[p0][items][0][title] & more"
    kept = command(Call("crm.item.get", {"id": Ref("$result[deal][item][companyId]")}))
    assert dict(parse_qsl(kept.partition("?")[2]))["id"] == "$result[deal][item][companyId]"


# --- events


@pytest.mark.parametrize(
    ("event", "data", "entity_id"),
    [
        ("ONCRMDEALADD", {"FIELDS": {"ID": "7405"}}, 7405),
        ("onCrmActivityAdd", {"FIELDS": {"ID": "9"}}, 9),
        ("ONCRMTIMELINECOMMENTADD", {"ID": "999"}, 999),
        ("ONCRMDEALMOVETOCATEGORY", {"FIELDS": {"ID": "6675", "CATEGORY_ID": "1", "STAGE_ID": "C1:NEW"}}, 6675),
        ("ONTASKUPDATE", {"FIELDS_BEFORE": {"ID": "123"}, "FIELDS_AFTER": {"ID": "123"}}, 123),
        ("ONTASKADD", {"FIELDS_BEFORE": "undefined", "FIELDS_AFTER": {"ID": "5"},
                       "IS_ACCESSIBLE_AFTER": "undefined"}, 5),
        ("ONTASKDELETE", {"FIELDS_BEFORE": {"ID": "77"}, "FIELDS_AFTER": "undefined"}, 77),
        ("ONAPPUNINSTALL", {"LANGUAGE_ID": "ru", "CLEAN": "1"}, None),
        ("ONCRMDEALADD", {"FIELDS": {"ID": "abc"}}, None),
        ("ONCRMDEALADD", {"FIELDS": "undefined"}, None),
        ("ONCRMDEALUSERFIELDDELETE",
         {"FIELDS": {"ID": "6947", "ENTITY_ID": "CRM_DEAL", "FIELD_NAME": "UF_CRM_X"}}, 6947),
    ],
)  # fmt: skip
def test_an_event_tells_its_name_and_the_id_it_is_about(
    event: str, data: dict[str, Any], entity_id: int | None
) -> None:
    """bitrix24.md 6.2, 6.4: upper case, `data.ID` and `data.FIELDS.ID`, "undefined" is nothing."""
    parsed = parse_event(form(event, data))
    assert parsed.name == event.upper()
    assert parsed.entity_id == entity_id
    assert parsed.sent_at == 1766047124
    assert parsed.handler_id == 185
    assert "undefined" not in json.dumps(parsed.data)
    assert parsed.lifecycle == event.startswith("ONAPP")


def test_the_auth_block_is_read_whole() -> None:
    """bitrix24.md 2.4."""
    grant = parse_event(form("ONAPPINSTALL", {"VERSION": "1", "INSTALLED": "Y"})).grant
    assert grant.member_id == "a223c6b3"
    assert grant.domain == "some-domain.bitrix24.ru"
    assert (grant.access_token, grant.refresh_token, grant.application_token) == ("acc-1", "ref-1", "app-1")
    assert grant.scope == ("crm", "task", "placement")
    assert (grant.expires_in, grant.user_id, grant.status) == (3600, 1, "F")


def test_a_robot_s_event_has_no_tokens() -> None:
    """bitrix24.md 6.2: they are absent when no person acted."""
    auth = {
        "member_id": "m1",
        "application_token": "t",
        "domain": "p.bitrix24.ru",
        "access_token": "undefined",
    }
    grant = parse_event(form("ONCRMDEALUPDATE", {"FIELDS": {"ID": "1"}}, auth)).grant
    assert grant.access_token == ""
    assert grant.user_id is None


def test_tokens_are_not_shown() -> None:
    """repr() goes to logs and tracebacks."""
    shown = repr(parse_event(form("ONAPPINSTALL", {})))
    assert "a223c6b3" in shown
    assert not [token for token in ("acc-1", "ref-1", "app-1") if token in shown]


@pytest.mark.parametrize(
    "pairs",
    [
        [], [("event", "ONCRMDEALADD")], [("event", "ONCRMDEALADD"), ("auth", "x")],
        [("event", "ONCRMDEALADD"), ("auth[domain]", "x")], [("event", "ONCRMDEALADD"), ("auth[member_id]", "../../x")],
        [("event", "DROP TABLE"), ("auth[member_id]", "m")], [("auth[member_id]", "m")],
        [("event[a]", "ONCRMDEALADD"), ("auth[member_id]", "m")], [("event", "ONX"), ("auth[member_id]", "m" * 65)],
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused(pairs: list[tuple[str, str]]) -> None:
    """Without an event name or a portal there is nothing to check a token against."""
    with pytest.raises(ProtocolError):
        parse_event(pairs)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@given(st.fixed_dictionaries({}, optional={"event": junk, "data": junk, "auth": junk, "ts": junk}))
def test_no_envelope_breaks_the_reader(envelope: dict[str, Any]) -> None:
    """JSON in place of a form, wrong types everywhere: read or refused."""
    try:
        assert isinstance(parse_event(envelope), Event)
    except ProtocolError:
        return


# --- frames


QUERY = {"DOMAIN": "Portal.bitrix24.ru", "PROTOCOL": "1", "LANG": "ru", "APP_SID": "dd8cec11"}
BODY = {
    "AUTH_ID": "token-1", "AUTH_EXPIRES": "3600", "REFRESH_ID": "token-2", "APPLICATION_TOKEN": "token-3",
    "SERVER_ENDPOINT": "https://oauth.bitrix.info/rest/", "APPLICATION_SCOPE": "crm,task", "member_id": "a223",
    "status": "L", "PLACEMENT": "CRM_DEAL_DETAIL_TAB",
    "PLACEMENT_OPTIONS": '{"ID":"8061","URI":"/crm/deal/details/8061/"}',
}  # fmt: skip


def test_a_frame_is_read_from_query_and_body() -> None:
    """bitrix24.md 2.3: `member_id` and `status` are lower case, their neighbours upper."""
    frame = parse_frame(QUERY, BODY)
    assert (frame.domain, frame.https, frame.language, frame.app_sid) == (
        "portal.bitrix24.ru",
        True,
        "ru",
        "dd8cec11",
    )
    assert (frame.placement, frame.entity_id) == ("CRM_DEAL_DETAIL_TAB", 8061)
    assert frame.grant.client_endpoint == "https://portal.bitrix24.ru/rest/"
    assert (frame.grant.access_token, frame.grant.refresh_token) == ("token-1", "token-2")
    assert (frame.grant.application_token, frame.grant.member_id) == ("token-3", "a223")
    assert (frame.grant.scope, frame.grant.status, frame.grant.expires_in) == (("crm", "task"), "L", 3600)
    assert "token-" not in repr(frame)


def test_an_old_portal_s_frame_has_the_required_fields_only() -> None:
    """bitrix24.md 2.3: the rest may be missing."""
    frame = parse_frame(
        {**QUERY, "PROTOCOL": "0", "DOMAIN": "box.local:8080"}, {"AUTH_ID": "t", "member_id": "m"}
    )
    assert frame.grant.client_endpoint == "http://box.local:8080/rest/"
    assert (frame.placement, frame.options, frame.entity_id) == ("DEFAULT", {}, None)


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ({}, BODY), ({**QUERY, "DOMAIN": "evil.example/path"}, BODY), ({**QUERY, "DOMAIN": "user@evil"}, BODY),
        ({**QUERY, "DOMAIN": "a b"}, BODY), (QUERY, {**BODY, "AUTH_ID": ""}), (QUERY, {**BODY, "member_id": "a/b"}),
        (QUERY, {"AUTH_ID": "x", "MEMBER_ID": "a223"}), (QUERY, {**BODY, "PLACEMENT_OPTIONS": "x" * 100_000}),
        (QUERY, {f"k{n}": "" for n in range(MAX_PAIRS)} | BODY),
    ],
)  # fmt: skip
def test_what_is_no_frame_is_refused(query: dict[str, str], body: dict[str, str]) -> None:
    """A forged or broken post."""
    with pytest.raises(ProtocolError):
        parse_frame(query, body)


@pytest.mark.parametrize("value", [None, "", "[]", "null", "{", "5", '"x"', "[" * 50_000, 7, "undefined"])
def test_broken_placement_options_are_no_options(value: Any) -> None:
    """They are a JSON string, documented for widgets only."""
    assert placement_options(value) == {}


@given(st.dictionaries(st.sampled_from([*QUERY, *BODY]), st.text(max_size=20)))
def test_no_frame_breaks_the_reader(fields: dict[str, str]) -> None:
    """Every field is user input."""
    try:
        assert isinstance(parse_frame(fields, {}), Frame)
    except ProtocolError:
        return


# --- small things


def test_secrets_are_equal_only_when_both_are_there() -> None:
    """An unknown stored token matches nothing."""
    assert same_token("abc", "abc")
    for known, given_ in (
        ("abc", "abd"),
        ("", ""),
        (None, None),
        (None, "abc"),
        ("abc", None),
        ("ключ", "abc"),
    ):
        assert not same_token(known, given_)


def test_scopes_are_split_on_commas_and_blanks() -> None:
    """bitrix24.md 2.4."""
    assert scopes("crm task,placement, user") == ("crm", "task", "placement", "user")
    assert scopes(None) == scopes("") == ()


def test_a_grant_needs_a_portal() -> None:
    """Installations are found by `member_id`."""
    with pytest.raises(ProtocolError):
        parse_auth({"access_token": "x"})


@pytest.mark.parametrize("domain", ["\x00", "a b", "x" * 300, "user@evil", "a/b", "[::1", "a:123456"])
def test_what_is_no_address_is_no_portal_s(domain: str) -> None:
    """An event is posted by anybody; what it claims is looked up and logged."""
    assert parse_auth({"member_id": "m1", "domain": domain}).domain == ""
