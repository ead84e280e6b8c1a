"""The invented agency is the same for the same seed, holds what it promises, and its year can be lived."""

from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from integration.bitrix.sandbox.agency import Agency
from integration.bitrix.sandbox.clock import VirtualClock
from integration.bitrix.sandbox.server import running
from integration.bitrix.sandbox.story import BEGIN, LEAST, tell
from integration.bitrix.sandbox.story_staff import CITIES
from integration.demo.days import local_day
from integration.demo.eligible import Verdict, assess
from integration.demo.expect import Expected
from integration.demo.ground import ground_of
from integration.demo.kinds import meant
from integration.demo.portal import Control, Reader
from integration.demo.staff import Staff

FIELDS = {
    "lead": ("REFERRAL_SOURCE", "REFERRER"),
    "contact": ("ROLE", "HOLD_UNTIL", "OPT_OUT"),
    "company": ("HOLD_UNTIL", "OPT_OUT"),
}
TYPES = {
    "ROLE": ("enumeration", ("decides", "daily", "other")),
    "REFERRAL_SOURCE": ("enumeration", ("client", "partner")),
    "REFERRER": ("crm", ()),
    "HOLD_UNTIL": ("date", ()),
    "OPT_OUT": ("boolean", ()),
}


def test_the_same_seed_tells_the_same_story_and_another_seed_another() -> None:
    assert tell(7, 40) == tell(7, 40)
    assert tell(7, 40).agency.to_json() != tell(8, 40).agency.to_json()


def test_an_agency_survives_its_journey_through_json() -> None:
    agency = tell(3, 30).agency
    assert Agency.from_json(agency.to_json()) == agency


def test_too_few_clients_are_refused() -> None:
    with pytest.raises(ValueError, match="at least"):
        tell(1, LEAST - 1)


@pytest.mark.parametrize("seed", range(1, 6))
def test_the_agency_holds_what_a_survey_meets(seed: int) -> None:
    agency = tell(seed, 60).agency
    assert {row["CITY"] for row in agency.addresses} == set(CITIES)
    assert any(company["isMyCompany"] == "Y" for company in agency.companies)
    assert any(deal.get("isRecurring") == "Y" for deal in agency.deals)
    assert any(not contact.get("companyIds") for contact in agency.contacts)
    assert {deal["categoryId"] for deal in agency.deals} == {0, 2}
    assert any(not user["ACTIVE"] for user in agency.users)
    titles = " ".join(company["title"] for company in agency.companies)
    assert "<script>" in titles
    assert "{{" in titles
    imported = Counter(deal["createdTime"] for deal in agency.deals if deal["title"].startswith("Импорт"))
    assert len(imported) == 1
    addresses = [e["value"] for card in agency.contacts for e in card["fm"] if e["typeId"] == "EMAIL"]
    assert all(address.endswith("example.com") for address in addresses)
    assert max(Counter(addresses).values()) == 2


@pytest.mark.parametrize("seed", range(1, 6))
def test_every_history_ends_where_the_deal_stands_and_never_runs_backwards(seed: int) -> None:
    agency = tell(seed, 60).agency
    for deal in agency.deals:
        rows = [
            row for row in agency.stage_history if row["OWNER_ID"] == deal["id"] and row["entityTypeId"] == 2
        ]
        moments = [datetime.fromisoformat(row["CREATED_TIME"]) for row in rows]
        assert moments == sorted(moments)
        assert moments[0] == datetime.fromisoformat(deal["createdTime"])
        assert (rows[-1]["STAGE_ID"], rows[-1]["CATEGORY_ID"]) == (deal["stageId"], deal["categoryId"])
        assert rows[0]["TYPE_ID"] == 1
        assert moments[-1].date() <= BEGIN


def test_the_acts_of_the_year_come_in_order_and_after_the_beginning() -> None:
    story = tell(2, 60)
    moments = [act.at for act in story.acts]
    assert moments == sorted(moments)
    assert moments[0] > story.begin


@pytest.mark.parametrize(("seed", "clients"), [(1, 60), (2, 33), (3, LEAST)])
def test_the_year_can_be_lived_in_the_sandbox_and_ends_as_the_story_meant(
    seed: int, clients: int, tmp_path: Path
) -> None:
    story = tell(seed, clients)
    clock = VirtualClock(tmp_path / "clock")
    clock.advance(story.begin.timestamp() - clock.time())
    with running(story.agency, clock) as box:
        control = Control(box.portal_url, box.control_token)
        _add_fields(control)
        staff = Staff(control)
        end = datetime.combine(story.freeze, story.begin.timetz()) + timedelta(hours=6)
        for act in story.acts:
            if act.at <= end:
                clock.advance(max(0.0, act.at.timestamp() - clock.time()))
                staff.do(act)
        verdicts = _verdicts(control, staff, story.agency, end)
    assert len(verdicts) == clients
    assert meant(story.kinds, staff.known, Expected(verdicts)) == []


def _add_fields(control: Control) -> None:
    for kind, codes in FIELDS.items():
        for code in codes:
            type_, values = TYPES[code]
            fields = {"FIELD_NAME": f"MOLVA_{code}", "USER_TYPE_ID": type_, "LABEL": code}
            fields |= {"LIST": [{"VALUE": value, "XML_ID": value} for value in values]} if values else {}
            fields |= {"SETTINGS": {"CONTACT": "Y", "COMPANY": "Y"}} if type_ == "crm" else {}
            control.act(1, f"crm.{kind}.userfield.add", {"fields": fields})


def _verdicts(control: Control, staff: Staff, agency: Agency, end: datetime) -> list[Verdict]:
    dump = control.get("dump")
    roles = {number: xml for xml, number in staff.enum("contact", "UF_CRM_MOLVA_ROLE").items()}
    rows = Reader(control.post("webhooks", {"user_id": 1})["url"]).addresses()
    assert len(rows) >= len(agency.addresses)
    items = dump["items"]
    plain = dataclasses.asdict(agency) | {
        "companies": items["COMPANY"],
        "contacts": items["CONTACT"],
        "deals": items["DEAL"],
        "stage_history": dump["stage_history"]["DEAL"],
        "addresses": rows,
        "users": dump["users"],
    }
    return assess(ground_of(plain, roles), local_day(end))
