"""The official SDK's own walkers over the sandbox: by id, by offset, in batches."""

from __future__ import annotations

from integration.bitrix.sandbox.agency import bulk_deals
from tests.bitrix.sandbox.conftest import OLD_HOST, PORTAL_HOST, Sdk


def test_the_sdk_walks_by_id(sdk: Sdk) -> None:
    """``as_list_fast`` chains pages with $result references in batches and reads each deal once."""
    sdk.box.portal.load(bulk_deals(2_600, 10))
    request = sdk.client().crm.item.list(entity_type_id=2, select=["id"])
    ids = [row["id"] for row in request.as_list_fast().result]
    assert ids == list(range(2_600, 0, -1)) or ids == list(range(1, 2_601))


def test_the_sdk_walks_by_offset(sdk: Sdk) -> None:
    """``as_list`` uses ``next`` and ``total``."""
    sdk.box.portal.load(bulk_deals(260, 10))
    rows = sdk.client().crm.deal.list(select=["ID"]).as_list().result
    assert {int(row["ID"]) for row in rows} == set(range(1, 261))


def test_the_sdk_sends_batches(sdk: Sdk) -> None:
    """Its batch finds results and errors by key."""
    token = sdk.token()
    methods = {
        "a": ("crm.item.get", {"entityTypeId": 2, "id": 10}),
        "b": ("crm.item.get", {"entityTypeId": 2, "id": 99}),
    }
    result = token.call_batch(methods)["result"]
    assert result["result"]["a"]["item"]["title"] == "Site"
    assert result["result_error"]["b"]["error"] == "NOT_FOUND"


def test_the_sdk_follows_a_renamed_portal(sdk: Sdk) -> None:
    """302 with the new host: the SDK repeats the call there and keeps the new domain."""
    token = sdk.token()
    token.domain = OLD_HOST
    sdk.box.portal.state.settings.moved_to = PORTAL_HOST
    try:
        assert token.get_client().profile().response.result["ID"] == "1"
    finally:
        sdk.box.portal.state.settings.moved_to = None
    assert token.domain == PORTAL_HOST
