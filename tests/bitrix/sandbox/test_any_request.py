"""Whatever parameters come, every method answers or refuses; it never stumbles."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration.bitrix.sandbox.clock import VirtualClock
from integration.bitrix.sandbox.install import add_webhook, register
from integration.bitrix.sandbox.portal import METHODS, Portal
from integration.bitrix.sandbox.rest import Request, handle
from tests.bitrix.sandbox.agencies import small_agency

_SCALARS: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, "", "0", "-1", 0, 1, 2, 3, 10, 7, 99999, 1.5, "Y", "2025-01-01", "x", "ID", "id", "deal", "CO_3",
     "DEAL_STAGE", "UF_CRM_SOURCE", "UF_CRM_TAGS", "*", "asc", "integer", "enumeration", "crm", "PHONE", "section"]
)  # fmt: skip
_NAMES = st.sampled_from(
    [
        "id",
        "ID",
        "entityTypeId",
        "filter",
        "order",
        "select",
        "fields",
        "start",
        "taskId",
        "TASKID",
        "FIELDS",
        "title",
        "TITLE",
        "stageId",
        "categoryId",
        "fm",
        "contactIds",
        "contactId",
        "companyId",
        "closedate",
        ">id",
        ">=createdTime",
        "@id",
        "!stageId",
        "%title",
        "logic",
        "0",
        "1",
        "n0",
        "OWNER_ID",
        "ENTITY_ID",
        "ENTITY_TYPE",
        "COMMENT",
        "RESPONSIBLE_ID",
        "STATUS",
        "DEADLINE",
        "UF_CRM_TASK",
        "UF_CRM_SOURCE",
        "UF_CRM_TAGS",
        "value",
        "typeId",
        "FIELD_NAME",
        "USER_TYPE_ID",
        "LIST",
        "SETTINGS",
        "data",
        "name",
        "elements",
        "type",
        "scope",
        "extras",
        "event",
        "handler",
        "PLACEMENT",
        "HANDLER",
        "CODE",
        "NAME",
        "OWNER_TYPE_ID",
        "USER_ID",
        "MESSAGE",
        "users",
        "from",
        "to",
        "values",
        "entityIds",
        "ownerTypeId",
        "ownerId",
        "deadline",
        "ACCESS",
        "FILTER",
        "SORT",
        "ORDER",
        "UF_HEAD",
        "option",
        "options",
        "XML_ID",
        "SE_PARAMETER",
        "UF_CRM_REFERRER",
        "UF_CRM_SINCE",
        "params",
        "cmd",
    ]
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=8,
)
_PARAMS = st.dictionaries(_NAMES, _VALUES, max_size=6)


@pytest.fixture(scope="module")
def portal() -> Portal:
    """A portal without servers and without limits, with an application and a webhook."""
    made = Portal(VirtualClock())
    made.load(small_agency())
    made.state.settings.update({"rate_limit": {"on": False}})
    register(made, {"client_id": "local.any", "client_secret": "s"}).state = "installed"
    return made


@given(
    method=st.sampled_from(sorted(METHODS)), params=_PARAMS, user=st.sampled_from([1, 6]), web=st.booleans()
)
@settings(
    max_examples=600,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_request_is_answered_or_refused(
    portal: Portal, method: str, params: dict[str, Any], user: int, web: bool
) -> None:
    """An answer has ``result`` and HTTP 200, a refusal has ``error``; nothing else happens."""
    if web:
        path = add_webhook(portal, user, None).rstrip("/").split("/")
        request = Request(method, params, webhook=(int(path[-2]), path[-1]))
    else:
        pair = portal.tokens.issue(portal.state.apps["local.any"], user)
        request = Request(method, params | {"auth": pair.access})
    status, body = handle(portal, request)
    assert (status == 200 and "result" in body) or "error" in body
