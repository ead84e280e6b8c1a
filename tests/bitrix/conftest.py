"""What the adapter's tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from integration.bitrix.client import ClientPool
from integration.bitrix.sandbox.agency import bulk_deals
from integration.bitrix.sandbox.server import running
from tests.bitrix.places import Place, placed
from tests.clocks import midday

settings.register_profile("bitrix", settings.get_profile("molva"), max_examples=60)
settings.load_profile("bitrix")


@pytest.fixture(scope="module")
def pool() -> Iterator[ClientPool]:
    pool = ClientPool(allow_http=True)
    yield pool
    pool.close()


@pytest.fixture
def place(pool: ClientPool) -> Iterator[Place]:
    """A small portal of one test's own."""
    with running(bulk_deals(60, 7), midday()) as box:
        yield placed(box, pool)
