"""Fields that the settings name are read from the cards, in whatever form the portal gives them (E6, E7)."""

from __future__ import annotations

from integration.nps.policy import Policy
from integration.services.cards import Reading
from tests.conftest import a_portal

NAMED = Policy(
    manager_field="UF_CRM_M", sales_field="UF_CRM_S", revenue_field="UF_CRM_R", zone_field="UF_CRM_Z"
)


def test_named_fields_are_asked_for_on_their_cards_and_nowhere_else() -> None:
    portal = a_portal()
    portal.id = 7
    named, plain = Reading.of(portal, NAMED), Reading.of(portal, Policy())
    for kind, more in (
        ("company", ["UF_CRM_M", "UF_CRM_S", "UF_CRM_R"]), ("contact", ["UF_CRM_Z"]), ("deal", []), ("lead", []),
    ):  # fmt: skip
        assert named.select(kind) == plain.select(kind) + more


def test_what_the_fields_say_stands_in_the_mirror_and_an_empty_one_says_nothing() -> None:
    portal = a_portal()
    portal.id = 7
    reading = Reading.of(portal, NAMED)
    for fields, chosen in (
        ({"UF_CRM_M": "5", "UF_CRM_S": 9, "UF_CRM_R": "100.5|EUR"},
         {"manager": 5, "sales": 9, "revenue": "100.5", "currency": "EUR"}),
        ({"UF_CRM_M": "", "UF_CRM_S": False, "UF_CRM_R": None}, {}),
        ({"UF_CRM_R": 0}, {"revenue": "0", "currency": ""}),
        ({"UF_CRM_M": [6], "UF_CRM_R": "миллион"}, {"manager": 6}),
    ):  # fmt: skip
        row = reading.row("company", {"id": 2, "title": "Вега", **fields})
        assert row is not None
        assert row["chosen"] == chosen
    contact = reading.row("contact", {"id": 3, "name": "Анна", "UF_CRM_Z": " Europe/Kyiv "})
    assert contact is not None
    assert contact["time_zone"] == "Europe/Kyiv"
    unnamed = Reading.of(portal, Policy()).row(
        "contact", {"id": 3, "name": "Анна", "UF_CRM_Z": "Europe/Kyiv"}
    )
    assert unnamed is not None
    assert unnamed["time_zone"] == ""
