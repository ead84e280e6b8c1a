"""Whatever a portal answers is read or sorted, and days and moments are the same on both sides."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from integration.adapters import PortalRest
from integration.bitrix import calls
from integration.bitrix.answers import LISTS, flaw
from integration.bitrix.call import rows_at
from integration.bitrix.client import BatchAnswer, read_batch
from integration.bitrix.errors import BitrixError, Retryable
from integration.bitrix.exchange import Raw, read
from integration.bitrix.limits import Meter, choose, next_look, observed, skew_of
from integration.bitrix.protocol import (
    command,
)
from integration.bitrix.records.fields import to_day, to_moment
from integration.bitrix.sandbox import forms
from integration.bitrix.sandbox.values import Zone

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


# --- answers


@given(
    st.sampled_from([200, 201, 204, 302, 400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504]),
    st.binary(max_size=30) | JUNK.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(st.sampled_from(["result", "error", "error_description", "time"]), JUNK).map(
        lambda value: json.dumps(value).encode()
    ),
)  # fmt: skip
@settings(max_examples=200)
def test_every_answer_is_read_or_sorted(status: int, body: bytes) -> None:
    """Any status with any bytes is a result or one of the errors a caller knows what to do about."""
    try:
        got = read(Raw(status, "", None, body), "m")
    except BitrixError:
        return
    assert status < 300
    assert "result" in got
    assert got.get("error") is None


@given(st.text(st.characters(exclude_categories=())), st.booleans())
@example("a\x00b", True)
@example("\ud83d\ud83d\ude00", True)
@example("\ude00\\u0000", False)
def test_every_text_of_an_answer_can_be_kept(text: str, escaped: bool) -> None:
    """No database takes a zero byte or half a surrogate pair; everything else comes as it was sent."""
    body = json.dumps({"result": {text: [text]}}, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    ((name, (value,)),) = read(Raw(200, "", None, body), "m")["result"].items()
    assert name == value
    assert "\x00" not in value
    value.encode()
    if "\x00" not in text and not any("\ud800" <= one <= "\udfff" for one in text):
        assert value == text


@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(["result", "result_error", "result_total", "result_next", "result_time"], JUNK)
    ) | JUNK,
    JUNK,
)  # fmt: skip
@settings(max_examples=200)
def test_every_answer_of_a_batch_is_read_by_call(inner: Any, clock: Any) -> None:
    """Nothing in it breaks the reader, and no call is both good and bad."""
    methods = {"a": "crm.item.list", "0": "profile", "b": "crm.item.update"}
    try:
        got = read_batch({"result": inner, "time": clock}, methods)
    except BitrixError:
        return
    assert not got.results.keys() & got.errors.keys()
    assert {*got.results, *got.errors} <= methods.keys()
    assert all(isinstance(error, BitrixError) for error in got.errors.values())
    for result in got.results.values():
        assert isinstance(rows_at(result, "items"), list)
    client: Any = Answering(got)
    told = PortalRest(client).batch({})
    assert told.answers.keys() == got.results.keys()


@dataclass
class Answering:
    """A client that has this answer."""

    got: BatchAnswer

    def batch(self, _calls: Any, _halt: bool) -> BatchAnswer:
        return self.got


SPANS = st.dictionaries(
    st.sampled_from(["duration", "operating", "operating_reset_at", "start", "finish", "date_start"]),
    JUNK | st.sampled_from([1e18, -1e18, 1e308, 2**70, "nan", "inf", float("nan"), float("inf")]),
)


@given(st.lists(SPANS, min_size=1, max_size=4), SPANS)
@example([{"operating": 1e308, "duration": 1e308}] * 2, {})
@example([{"operating_reset_at": 1e18, "duration": "nan"}], {"date_start": 5})
def test_no_times_of_an_answer_spoil_the_limits(spans: list[dict[str, Any]], whole: dict[str, Any]) -> None:
    """Whatever a portal says about its seconds, the meters stay numbers that can be kept and counted with."""
    now = datetime(2026, 3, 2, 9, tzinfo=UTC)
    meters = observed({}, [("crm.item.update", span) for span in spans], now, skew_of(whole, now))
    kept = json.loads(json.dumps({name: meter.to_json() for name, meter in meters.items()}, allow_nan=False))
    again = {name: Meter.from_json(meter) for name, meter in kept.items()}
    assert choose(again, ["crm.item.update"] * 3, now) == choose(meters, ["crm.item.update"] * 3, now)
    next_look(again, ["crm.item.update"], now)


def test_every_list_is_known_as_one() -> None:
    """So that a method called later does not take nothing for an empty list."""
    endings = (".list", ".getlist", ".items.get", "user.get", "department.get", "event.get")
    assert {method for method in calls.METHODS if method.endswith(endings)} <= LISTS.keys()


@given(st.sampled_from(sorted(LISTS)), JUNK)
def test_what_is_no_list_is_malformed(method: str, junk: Any) -> None:
    """Null, a number, a text or an error in the place of rows; PHP's empty array is an empty list."""
    path = LISTS[method]
    for rows, good in (
        ([], True),
        ({"7": {"id": 7}}, True),
        (None, False),
        (junk, isinstance(junk, dict | list)),
    ):
        found = flaw(method, {path: rows} if path else rows)
        assert (found is None) is good
        assert found is None or (isinstance(found, Retryable) and found.effect == "none")
    assert flaw(method, []) is None
    assert flaw("profile", junk) is None
    assert isinstance(flaw("crm.timeline.comment.add", None), Retryable)


# --- dates


ZONES = st.sampled_from(
    ["Europe/Moscow", "Europe/Kyiv", "Europe/London", "America/New_York", "America/Sao_Paulo", "Asia/Beirut",
     "Asia/Kathmandu", "Pacific/Apia", "Pacific/Kiritimati", "Australia/Lord_Howe", "UTC"]
)  # fmt: skip
DAYS = st.dates(date(1990, 1, 1), date(2060, 12, 31))
NEAR_CHANGES = st.sampled_from(
    [
        date(2026, 3, 29),
        date(2026, 10, 25),
        date(2026, 3, 8),
        date(2026, 11, 1),
        date(2011, 12, 30),
        date(2018, 11, 4),
    ]
)


@given(DAYS | NEAR_CHANGES, ZONES, st.sampled_from(["offset", "midnight"]))
def test_a_day_stays_the_day_in_every_zone(day: date, zone: str, style: str) -> None:
    """As the portal answers it, as a moment at midnight or a little later with the server's offset, also on the
    days when clocks change and where there was no midnight (bitrix24.md 4.7, pitfall 31)."""
    shown = Zone(zone, style).day(day.isoformat())
    assert to_day(shown) == day
    assert to_day(day.isoformat()) == day


@given(
    st.integers(946_684_800, 2_840_140_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
    | st.tuples(NEAR_CHANGES, st.integers(0, 24 * 60)).map(
        lambda pair: datetime.combine(pair[0], time(), UTC) + timedelta(minutes=pair[1])
    ),
    ZONES,
)  # fmt: skip
def test_a_moment_survives_the_way_there_and_back(moment: datetime, zone: str) -> None:
    """Written in UTC, kept and shown by the portal with its own offset, read again: the same moment, in the hour
    that comes twice as well."""
    server = Zone(zone)
    assert server.epoch(moment.isoformat(timespec="seconds")) == moment.timestamp()
    shown = server.moment(moment.timestamp())
    assert shown is not None
    assert to_moment(shown) == moment
    assert to_day(shown) == moment.astimezone(ZoneInfo(zone)).date()
    call = calls.item_list("deal", ["id"], filter={">=updatedTime": shown})
    sent = forms.decode(command(call).partition("?")[2])["filter"][">=updatedTime"]
    assert server.epoch(sent) == moment.timestamp(), "the plus sign of the offset is not lost on the way"
