"""``fast-bitrix24`` reads whole lists of the sandbox: another opinion on paging and batches."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fast_bitrix24 import BitrixAsync

from integration.bitrix.sandbox.agency import bulk_deals
from integration.bitrix.sandbox.server import Sandbox, running

DEALS = 2_345


@pytest.fixture(scope="module")
def bulk() -> Iterator[Sandbox]:
    """A portal with more deals than one batch of pages holds."""
    with running(bulk_deals(DEALS, 50)) as box:
        yield box


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """In a thread of its own: in this one a browser of other tests may keep a loop running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result(timeout=60)


def _client(box: Sandbox) -> BitrixAsync:
    return BitrixAsync(box.control("/webhooks", {"user_id": 1})["url"], verbose=False)


def test_it_reads_every_deal_once(bulk: Sandbox) -> None:
    """get_all pages by offset inside batches: all deals, none twice, strings as the old method gives them."""
    rows = _run(_client(bulk).get_all("crm.deal.list", {"select": ["ID", "TITLE"]}))
    assert {int(row["ID"]) for row in rows} == set(range(1, DEALS + 1))
    assert len(rows) == DEALS


def test_it_reads_cards_of_the_current_method(bulk: Sandbox) -> None:
    """get_all understands ``result.items`` of crm.item.list."""
    params = {"entityTypeId": 2, "select": ["id", "companyId"], "filter": {"companyId": 7}}
    rows = _run(_client(bulk).get_all("crm.item.list", params))
    assert {row["companyId"] for row in rows} == {7}
    assert len(rows) == sum(1 for n in range(DEALS) if n % 50 + 1 == 7)


def test_it_reads_cards_by_id(bulk: Sandbox) -> None:
    """get_by_ID makes batches of single reads."""
    found = _run(_client(bulk).get_by_ID("crm.deal.get", [1, 2, 3]))
    assert sorted(found) == ["1", "2", "3"]


def test_it_writes_in_batches(bulk: Sandbox) -> None:
    """call with a list of parameters updates every card."""
    items = [{"ID": number, "fields": {"TITLE": f"changed {number}"}} for number in range(1, 61)]
    _run(_client(bulk).call("crm.deal.update", items))
    table = bulk.portal.state.items[2]
    assert [table.rows[number]["title"] for number in (1, 60)] == ["changed 1", "changed 60"]
