"""What is written to a card is what is read from it, alone and inside a batch (bitrix24.md 4.4, 4.7, 8.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integration.bitrix import calls
from integration.bitrix.call import Call
from integration.bitrix.client import ClientPool, PortalClient
from integration.bitrix.links import crm_link, parse_link, parse_links
from integration.bitrix.manifest import FieldMap, FieldSpec
from integration.bitrix.protocol import command
from integration.bitrix.records import (
    Company,
    Contact,
    Deal,
    Task,
    User,
    uf_day,
    uf_enum,
    uf_flag,
    uf_int,
    uf_text,
)
from integration.bitrix.records.fields import to_amount, to_moment
from integration.bitrix.sandbox.agency import bulk_deals
from integration.bitrix.sandbox.server import Sandbox, running
from integration.bitrix.sandbox.values import Zone
from tests.bitrix.places import placed

FIELDS: list[dict[str, Any]] = [
    {"FIELD_NAME": "TEXT", "USER_TYPE_ID": "string"},
    {"FIELD_NAME": "TEXTS", "USER_TYPE_ID": "string", "MULTIPLE": "Y"},
    {"FIELD_NAME": "WHOLE", "USER_TYPE_ID": "integer"},
    {"FIELD_NAME": "PART", "USER_TYPE_ID": "double"},
    {"FIELD_NAME": "FLAG", "USER_TYPE_ID": "boolean"},
    {"FIELD_NAME": "DAY", "USER_TYPE_ID": "date"},
    {"FIELD_NAME": "MOMENT", "USER_TYPE_ID": "datetime"},
    {"FIELD_NAME": "DAYS", "USER_TYPE_ID": "date", "MULTIPLE": "Y"},
    {"FIELD_NAME": "ONE", "USER_TYPE_ID": "crm", "SETTINGS": {"COMPANY": "Y"}},
    {"FIELD_NAME": "EITHER", "USER_TYPE_ID": "crm", "SETTINGS": {"COMPANY": "Y", "CONTACT": "Y"}},
    {"FIELD_NAME": "MANY", "USER_TYPE_ID": "crm", "MULTIPLE": "Y", "SETTINGS": {"COMPANY": "Y", "CONTACT": "Y"}},
    {
        "FIELD_NAME": "KIND", "USER_TYPE_ID": "enumeration",
        "LIST": [{"VALUE": name, "XML_ID": name.lower()} for name in ("Promoter", "Passive", "Detractor")],
    },
]  # fmt: skip
#: West and east of everything, half hours, and the two ways of summer time.
ZONES = (
    "Pacific/Pago_Pago", "America/New_York", "America/Sao_Paulo", "UTC", "Europe/Moscow", "Europe/Kyiv",
    "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Auckland", "Pacific/Kiritimati",
)  # fmt: skip
TURNS = [
    date(2024, 3, 31),
    date(2024, 10, 27),
    date(2024, 3, 10),
    date(2024, 11, 3),
    date(2024, 4, 7),
    date(2024, 9, 29),
]
NASTY = (
    '"quoted" & \'single\' <b>bold</b>', "100 % sure? a=b&c[d]=e;f#g+h %41%26 %5B", "[b]x[/b] {y} $z \\n \\",
    "a\nb\r\nc\td", "👩🏽\u200d💻 Ёжик їжак ґава – “цитата”", "$resultx[a] result[0] $ result[1]", " around ", "0",
    "null", "[]", "Array", "𝒳\u200b\u2060\u00a0é e\u0301", "auth=1&cmd[x]=y", "Y", "true", "1e3", "007", "a" * 3000,
)  # fmt: skip
KIND = FieldSpec("UF_CRM_KIND", "enumeration", ("deal",), ("promoter", "passive", "detractor"))


@dataclass
class Cards:
    """A portal with one deal to write on, and the client that writes."""

    box: Sandbox
    client: PortalClient
    known: FieldMap
    rows: dict[str, Any] = field(default_factory=dict)

    def live_in(self, zone: str, style: str) -> None:
        """Move the portal's server to a zone; both ways in which portals show a day."""
        self.box.portal.state.zone = Zone(zone)
        self.box.control("/settings", {"date_style": style}, "PUT")

    def written(self, values: dict[str, Any], *, batch: bool) -> dict[str, Any]:
        """The deal after these fields were set, as it is read from the portal."""
        update, get = calls.item_update("deal", 1, values), calls.item_get("deal", 1)
        if not batch:
            self.client.call(update)
            return dict(self.client.call(get).result["item"])
        got = self.client.batch({"u": update, "g": get})
        assert not got.errors
        return dict(got.results["g"]["item"])

    def both(self, values: dict[str, Any]) -> list[dict[str, Any]]:
        """The same alone and inside a batch, each after the fields were emptied."""
        found = []
        for batch in (False, True):
            self.written(
                {code: [] if code.endswith("S") or code == "UF_CRM_MANY" else "" for code in values},
                batch=False,
            )
            found.append(self.written(values, batch=batch))
        return found


@pytest.fixture(scope="module")
def cards(pool: ClientPool) -> Iterator[Cards]:
    with running(bulk_deals(3, 5)) as box:
        box.control("/settings", {"rate_limit": {"on": False}, "operating": {"on": False}}, "PUT")
        client = placed(box, pool).client
        for one in FIELDS:
            client.call(Call("crm.deal.userfield.add", {"fields": one}))
        rows = client.call(calls.userfield_list("deal")).result
        yield Cards(box, client, FieldMap.of({"deal": rows}, [KIND]))


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=60).filter(
    lambda text: "$result[" not in text
)


@given(st.one_of(texts, st.sampled_from(NASTY), st.text(alphabet="[]&=%+#?$\"'\\ \nЯ€", max_size=40)))
@example(NASTY[0])
def test_texts_come_back_letter_by_letter(cards: Cards, text: str) -> None:
    """Quotes, emoji, line breaks, per cent, ampersands, brackets; also as one of several values."""
    for item in cards.both({"UF_CRM_TEXT": text, "UF_CRM_TEXTS": [text, "second"]}):
        assert (item["UF_CRM_TEXT"] or "") == text
        assert item["UF_CRM_TEXTS"] == [one for one in (text, "second") if one]
        assert uf_text(item["UF_CRM_TEXT"]) == text.strip()


def test_every_nasty_text_survives_and_none_pulls_in_what_is_not_its_own(cards: Cards) -> None:
    """Fifty commands with nothing between their texts but the encoding; a text that looks like a reference shows
    as it was typed and brings no other command's data (bitrix24.md 4.4)."""
    titles = [f"{text[:200]}|{number}" for number, text in enumerate(NASTY * 2)]
    batch = {f"u{n}": calls.item_update("deal", 1, {"UF_CRM_TEXT": title}) for n, title in enumerate(titles)}
    got = cards.client.batch(batch)
    assert [got.results[key]["item"]["UF_CRM_TEXT"] for key in batch] == titles
    secret = {
        "a": calls.item_get("deal", 2),
        "u": calls.item_update("deal", 1, {"UF_CRM_TEXT": "$result[a][item][title]"}),
    }
    shown = cards.client.batch(secret).results["u"]["item"]["UF_CRM_TEXT"]
    assert shown.replace("\u2060", "") == "$result[a][item][title]"
    assert command(Call("m", {"x": "%5B"})) == "m?x=%255B"


days = st.dates(date(1990, 1, 1), date(2060, 12, 31))


@given(
    st.one_of(days, st.sampled_from(TURNS)), st.sampled_from(ZONES), st.sampled_from(["offset", "midnight"])
)
def test_a_day_is_the_same_day_in_every_zone(cards: Cards, day: date, zone: str, style: str) -> None:
    """From UTC-11 to UTC+14, on the days of the clock change as on others: never moved through UTC."""
    cards.live_in(zone, style)
    values = {"UF_CRM_DAY": day.isoformat(), "UF_CRM_DAYS": [day.isoformat(), "2024-03-31"]}
    for item in cards.both(values | {"closedate": day.isoformat(), "begindate": day.isoformat()}):
        assert uf_day(item["UF_CRM_DAY"]) == day
        assert [uf_day(one) for one in item["UF_CRM_DAYS"]] == [day, date(2024, 3, 31)]
        deal = Deal.read(item)
        assert (deal.close_on, deal.begin_on) == (day, day)
        assert uf_day(deal.uf["UF_CRM_DAY"]) == day


moments = st.builds(
    datetime.fromtimestamp, st.integers(631_152_000, 2_840_140_800), st.sampled_from([*map(ZoneInfo, ZONES)])
)


@given(moments, st.sampled_from(ZONES))
@example(datetime(2024, 10, 27, 3, 30, tzinfo=ZoneInfo("Europe/Kyiv"), fold=0), "Europe/Kyiv")
@example(datetime(2024, 10, 27, 3, 30, tzinfo=ZoneInfo("Europe/Kyiv"), fold=1), "Europe/Kyiv")
@example(datetime(2024, 3, 31, 1, 0, tzinfo=UTC), "Europe/Kyiv")
def test_a_moment_is_the_same_moment_whatever_zone_it_is_written_and_read_in(
    cards: Cards, moment: datetime, zone: str
) -> None:
    """To the second, also in the hour that the clock shows twice."""
    cards.live_in(zone, "offset")
    for item in cards.both({"UF_CRM_MOMENT": moment.isoformat()}):
        assert to_moment(item["UF_CRM_MOMENT"]) == moment.astimezone(UTC)
        assert Deal.read(item).created_at is not None
    made = cards.client.call(
        calls.task_add({"TITLE": "t", "RESPONSIBLE_ID": 1, "DEADLINE": moment.isoformat()}, "k")
    )
    assert Task.read(made.result).deadline == moment.astimezone(UTC)


@given(
    st.integers(-(2**31), 2**31),
    st.decimals(Decimal("-99999999.99"), Decimal("99999999.99"), places=2),
    st.booleans(),
)
@example(0, Decimal(0), False)
def test_numbers_and_flags_keep_their_value(cards: Cards, whole: int, part: Decimal, flag: bool) -> None:
    """Zero is a value; money does not pass through fractions of two; yes is written in any of its spellings."""
    for spelling in (flag, "Y" if flag else "N", "1" if flag else "0", int(flag)):
        values = {
            "UF_CRM_WHOLE": whole,
            "UF_CRM_PART": str(part),
            "UF_CRM_FLAG": spelling,
            "opportunity": str(part),
        }
        for batch in (False, True):
            item = cards.written(values, batch=batch)
            assert uf_int(item["UF_CRM_WHOLE"]) == whole
            assert uf_int(str(item["UF_CRM_WHOLE"])) == whole, "old methods give numbers as strings"
            assert to_amount(item["UF_CRM_PART"]) == part
            assert to_amount(f"{part}|RUB") == part
            assert Deal.read(item).amount == part
            assert uf_flag(item["UF_CRM_FLAG"]) is flag


def test_flags_are_read_in_every_spelling_and_nothing_in_every_emptiness() -> None:
    """bitrix24.md 4.7: Y and N, 1 and 0, true and false; null, "", [], {} and false for no value."""
    yes: list[Any] = ["Y", "y", "1", 1, True, "true", ["Y"]]
    no: list[Any] = ["N", "0", 0, False, "false", "", None, [], {}, ["N"]]
    assert all(map(uf_flag, yes))
    assert not any(map(uf_flag, no))
    nothing: Any
    for nothing in (None, "", [], {}, False):
        assert (uf_text(nothing), uf_int(nothing), uf_day(nothing), uf_enum(nothing)) == (
            "",
            None,
            None,
            None,
        )
        assert parse_link(nothing, "company") is None
        empty = Deal.read(
            {
                "id": "7",
                "companyId": nothing,
                "contactIds": nothing,
                "closedate": nothing,
                "opportunity": nothing,
            }
        )
        assert (empty.id, empty.company_id, empty.contact_ids, empty.close_on) == (7, None, (), None)
        assert empty.amount == 0
        person = User.read({"ID": "7", "UF_DEPARTMENT": nothing, "EMAIL": nothing})
        assert (person.department_ids, person.email) == ((), "")


def test_list_values_are_known_by_their_mark_and_written_by_their_number(cards: Cards) -> None:
    """Numbers differ in every portal and on every kind of card (bitrix24.md 8.4)."""
    for mark in ("promoter", "passive", "detractor"):
        number = cards.known.id_of("deal", "UF_CRM_KIND", mark)
        assert number is not None
        for written in (number, str(number)):
            for item in cards.both({"UF_CRM_KIND": written}):
                assert uf_enum(item["UF_CRM_KIND"]) == str(number)
                assert cards.known.value_of("deal", "UF_CRM_KIND", item["UF_CRM_KIND"]) == mark
    assert uf_enum(cards.written({"UF_CRM_KIND": ""}, batch=True)["UF_CRM_KIND"]) is None
    assert cards.known.id_of("deal", "UF_CRM_KIND", "other") is None


@pytest.mark.parametrize("bare", [False, True])
def test_links_are_read_in_both_stored_forms(cards: Cards, bare: bool) -> None:
    """With one target the portal may keep ``3`` for ``CO_3`` (bitrix24.md 8.4, 17); with several it cannot."""
    cards.box.control("/settings", {"crm_bare_ids": bare}, "PUT")
    values = {
        "UF_CRM_ONE": crm_link("company", 3), "UF_CRM_EITHER": crm_link("contact", 2),
        "UF_CRM_MANY": [crm_link("company", 1), crm_link("contact", 2)],
    }  # fmt: skip
    for item in cards.both(values):
        assert str(item["UF_CRM_ONE"]) == ("3" if bare else "CO_3")
        assert parse_link(item["UF_CRM_ONE"], "company") == ("company", 3)
        assert parse_link(item["UF_CRM_EITHER"]) == ("contact", 2)
        assert parse_links(item["UF_CRM_MANY"]) == [("company", 1), ("contact", 2)]
    for item in cards.both({"UF_CRM_ONE": "3"}):
        assert parse_link(item["UF_CRM_ONE"], "company") == ("company", 3)
    assert parse_link("3") is None, "without the target's name a bare number names nothing"


def test_phones_addresses_and_empty_lists_come_back_as_they_were_given(cards: Cards) -> None:
    """Multi-fields in their order by use, without repeats; an emptied list reads as empty (bitrix24.md 4.4, 7.12)."""
    fm = [
        {"typeId": "EMAIL", "valueType": "HOME", "value": "home+tag@пример.рф"},
        {"typeId": "PHONE", "valueType": "MOBILE", "value": "+38 (067) 000-00-01"},
        {"typeId": "EMAIL", "valueType": "WORK", "value": "O'Brien&Co@example.com"},
        {"typeId": "EMAIL", "valueType": "WORK", "value": "o'brien&co@EXAMPLE.com"},
    ]
    for batch in (False, True):
        add = Call(
            "crm.item.add", {"entityTypeId": 3, "fields": {"name": "Ї & «Ё»", "fm": fm, "companyIds": [1, 2]}}
        )
        made = cards.client.batch({"a": add}).results["a"] if batch else cards.client.call(add).result
        person = Contact.read(cards.client.call(calls.item_get("contact", made["item"]["id"])).result["item"])
        assert person.emails == ("O'Brien&Co@example.com", "home+tag@пример.рф")
        assert (person.phones, person.name, person.company_ids) == (
            ("+38 (067) 000-00-01",),
            "Ї & «Ё»",
            (1, 2),
        )
        for value, kept in (([person.id], (person.id,)), ([], ())):
            item = cards.written(
                {"contactIds": value, "UF_CRM_TEXTS": [str(one) for one in value]}, batch=batch
            )
            assert Deal.read(item).contact_ids == kept
            assert item["UF_CRM_TEXTS"] == [str(one) for one in value]
    none = cards.client.batch({"x": Call("crm.item.get", {"entityTypeId": 2, "id": 999})})
    assert (none.results, set(none.errors), none.totals) == ({}, {"x"}, {})
    assert Company.read({"id": 5, "fm": [], "contactIds": {}}).contact_ids == ()
