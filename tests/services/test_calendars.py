"""Working days: the portal's own settings first, the library as fallback, and honesty where neither knows."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.policy import Policy
from integration.services.calendars import countries, country_of, portal_calendar

TODAY = date(2026, 6, 1)


def test_the_portal_s_own_settings_come_first() -> None:
    settings = {
        "week_holidays": ["SU"], "year_holidays": "1.01,23.02, 8.03.2026,30.02", "year_workdays": "28.06",
        "work_time_start": "9.30", "work_time_end": "18.45",
    }  # fmt: skip
    found = portal_calendar(settings, Policy(country="RU", hours_from=10, hours_to=17), TODAY)
    assert found.source == "portal"
    assert not found.letters.is_workday(date(2026, 2, 23))
    assert not found.letters.is_workday(date(2027, 1, 1))
    assert not found.letters.is_workday(date(2026, 3, 8))
    assert found.letters.is_workday(date(2027, 3, 8))
    assert found.letters.is_workday(date(2026, 6, 6))  # a Saturday
    assert not found.letters.is_workday(date(2026, 6, 7))
    assert found.letters.is_workday(date(2026, 6, 28))  # a Sunday that is worked
    assert (found.letters.hours_from, found.letters.hours_to) == (10, 17)
    assert (found.office.hours_from, found.office.hours_to) == (10, 18)


def test_weekdays_may_come_as_one_text() -> None:
    found = portal_calendar({"week_holidays": "SA,SU"}, Policy(), TODAY)
    assert found.letters.weekend == {5, 6}


def test_without_settings_the_library_knows_the_country_s_holidays() -> None:
    found = portal_calendar({}, Policy(country="RU"), TODAY)
    assert found.source == "library"
    assert not found.letters.is_workday(date(2026, 6, 12))
    assert not found.letters.is_workday(date(2027, 1, 1))


@pytest.mark.parametrize("country", ["UA", "", "XX"])
def test_where_nobody_knows_only_weekends_are_off_and_it_says_so(country: str) -> None:
    found = portal_calendar({}, Policy(country=country), TODAY)
    assert found.source == "weekends"
    assert found.letters.is_workday(date(2026, 8, 24))
    assert not found.letters.is_workday(date(2026, 8, 23))


@pytest.mark.parametrize(
    ("currency", "country"), [("RUB", "RU"), ("UAH", "UA"), ("BYN", "BY"), ("EUR", ""), ("", "")]
)
def test_the_country_is_guessed_from_the_base_currency(currency: str, country: str) -> None:
    assert country_of(currency) == country


KEYS = ["week_holidays", "year_holidays", "year_workdays", "work_time_start", "work_time_end"]
ANYTHING = st.one_of(st.none(), st.text(), st.integers(), st.lists(st.text()), st.booleans())


@given(st.dictionaries(st.sampled_from(KEYS), ANYTHING))
def test_whatever_the_portal_answers_there_is_a_calendar(settings: dict[str, object]) -> None:
    found = portal_calendar(settings, Policy(), TODAY)
    assert found.office.hours_from < found.office.hours_to
    assert found.source in ("portal", "weekends")


def test_each_country_is_offered_once_under_the_code_that_has_a_name() -> None:
    assert "GB" in countries()
    assert "UK" not in countries()
