"""The zone of a city as people write it (product.md E6)."""

from __future__ import annotations

from integration.nps.workdays import zone_named
from integration.nps.zones import _ZONES, zone_of_city


def test_a_city_is_known_in_every_way_people_write_it() -> None:
    """With its kind before it, a region behind it, another case, "ё", two alphabets; others say nothing."""
    for city, zone in (
        ("Новосибирск", "Asia/Novosibirsk"), ("г. Новосибирск", "Asia/Novosibirsk"), ("г.ТОМСК ", "Asia/Tomsk"),
        ("Новосибирск, НСО", "Asia/Novosibirsk"), ("город Королёв", "Europe/Moscow"), ("Королев", "Europe/Moscow"),
        ("м. Київ", "Europe/Kyiv"), ("Киев", "Europe/Kyiv"), ("Kyiv", "Europe/Kyiv"), ("Москва", "Europe/Moscow"),
        ("St. Petersburg", "Europe/Moscow"), ("Ростов-на-Дону", "Europe/Moscow"), ("Анадырь", "Asia/Anadyr"),
        ("", ""), ("  ", ""), ("Васюки", ""), ("г.", ""), (", Казань", ""),
    ):  # fmt: skip
        assert zone_of_city(city) == zone, city


def test_every_zone_of_the_table_exists() -> None:
    """And no city is in two of them under one name."""
    for zone in set(_ZONES.values()):
        assert zone_named(zone)
    assert len(_ZONES) > 150
