"""Ten thousand deals changed at once by real HTTP, and hundreds of schedules, on both databases: by `make soak`."""

from __future__ import annotations

import pytest

from integration.store.base import Sessions
from tests.services.test_bulk import bulk, check
from tests.services.test_schedules import schedules

pytestmark = [pytest.mark.slow]


def test_ten_thousand_deals_at_once(sessions: Sessions) -> None:
    """Two hundred looks, a thousand commands; another portal's event is done at once."""
    check(bulk(sessions, 10_000, 1, by_http=10_000), 10_000)


def test_hundreds_of_schedules(sessions: Sessions) -> None:
    """As in the suite, many more of them."""
    schedules(sessions, 400)
