"""What the adapter's tests share. Properties have no deadline: slowness is what benchmarks are for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from integration.bitrix.client import ClientPool
from integration.bitrix.sandbox.agency import bulk_deals
from integration.bitrix.sandbox.server import running
from tests.bitrix.places import Place, placed

settings.register_profile("molva", deadline=None, max_examples=60)
settings.load_profile("molva")


@pytest.fixture(scope="module")
def pool() -> Iterator[ClientPool]:
    pool = ClientPool(allow_http=True)
    yield pool
    pool.close()


@pytest.fixture
def place(pool: ClientPool) -> Iterator[Place]:
    """A small portal of one test's own."""
    with running(bulk_deals(60, 7)) as box:
        yield placed(box, pool)
