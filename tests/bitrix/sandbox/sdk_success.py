"""Each method called once by the official SDK where it must succeed, and what its answer must hold.

The typed client is used wherever it can say what the method needs; ``raw`` (the SDK's own ``call_method``)
where version 1.3 of the SDK lacks a parameter (``entityTypeId`` of stage history, and so on).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.bitrix.sandbox.conftest import Sdk

Do = Callable[[Sdk], Any]
Check = Callable[[Any], bool]


@dataclass(frozen=True)
class Success:
    """One successful call: how it is made, what must be true of its result."""

    method: str
    do: Do
    check: Check


SUCCESSES: list[Success] = []


def succeeds(method: str, do: Do, check: Check) -> None:
    """Adds a case to the table."""
    SUCCESSES.append(Success(method, do, check))


def typed(path: str, **arguments: Any) -> Do:
    """A call of the typed client; its result."""

    def do(sdk: Sdk) -> Any:
        target: Any = sdk.client()
        for name in path.split("."):
            target = getattr(target, name)
        return target(**arguments).response.result

    return do


def raw(method: str, **params: Any) -> Do:
    """The SDK's untyped call; its result."""
    return lambda sdk: sdk.token().call_method(method, params)["result"]


succeeds("server.time", typed("server.time"), lambda r: r[10] == "T" and r[-6] in "+-")
succeeds("app.info", typed("app.info"), lambda r: r["INSTALLED"] is True and r["STATUS"] == "L")
succeeds("scope", typed("scope"), lambda r: "crm" in r)
succeeds("profile", typed("profile"), lambda r: r["ID"] == "1" and r["ADMIN"] is True)
succeeds(
    "method.get",
    typed("method.get", name="crm.item.list"),
    lambda r: r == {"isExisting": True, "isAvailable": True},
)
succeeds("methods", raw("methods"), lambda r: "crm.item.get" in r and "ui.user.update" not in r)
succeeds("feature.get", typed("feature.get", code="rest_offline_extended"), lambda r: r == {"value": "N"})
succeeds("app.option.set", typed("app.option.set", options={"k": "v"}), lambda r: r is True)
succeeds("app.option.get", typed("app.option.get", option="absent"), lambda r: r is None)

succeeds(
    "user.current", typed("user.current"), lambda r: r["ID"] == "1" and r["EMAIL"] == "user1@example.com"
)
succeeds("user.admin", typed("user.admin"), lambda r: r is True)
succeeds("user.access", typed("user.access", access=["U6"]), lambda r: r is True)
succeeds(
    "user.get",
    typed("user.get", filter={"ACTIVE": True}, sort="ID", order="DESC"),
    lambda r: [u["ID"] for u in r] == ["8", "6", "1"],
)
succeeds(
    "user.search", typed("user.search", filter={"FIND": "bori"}), lambda r: [u["ID"] for u in r] == ["6"]
)
succeeds(
    "department.get", typed("department.get", uf_head=8), lambda r: [d["NAME"] for d in r] == ["Service"]
)

succeeds(
    "event.bind",
    typed("event.bind", event="ONCRMDEALADD", handler="http://127.0.0.1:1/e"),
    lambda r: r is True,
)
succeeds("event.get", typed("event.get"), lambda r: r == [])
succeeds(
    "event.unbind",
    typed("event.unbind", event="ONCRMDEALADD", handler="http://127.0.0.1:1/e"),
    lambda r: r == {"count": 0},
)
succeeds("event.test", raw("event.test", any="thing"), lambda r: r == 1)
succeeds("events", typed("events", scope="crm"), lambda r: "ONCRMDEALMOVETOCATEGORY" in r)

succeeds(
    "placement.bind",
    typed(
        "placement.bind",
        placement="CRM_DEAL_DETAIL_TAB",
        handler="https://app.example/tab",
        title="NPS",
        lang_all={"ru": {"TITLE": "NPS"}},
    ),
    lambda r: r is True,
)
succeeds("placement.get", typed("placement.get"), lambda r: r == [])
succeeds(
    "placement.unbind",
    typed("placement.unbind", placement="CRM_DEAL_DETAIL_TAB"),
    lambda r: r == {"count": 0},
)
succeeds("placement.list", typed("placement.list"), lambda r: "CRM_COMPANY_DETAIL_TAB" in r)

succeeds(
    "crm.item.get",
    typed("crm.item.get", bitrix_id=11, entity_type_id=2, use_original_uf_names=True),
    lambda r: (
        r["item"]["stageSemanticId"] == "S" and "UF_CRM_SCORE" in r["item"] and r["item"]["isWon"] is None
    ),
)
succeeds(
    "crm.item.list",
    typed("crm.item.list", entity_type_id=2, select=["id"], filter={"companyId": 3}, order={"id": "DESC"}),
    lambda r: [i["id"] for i in r["items"]] == [12, 11, 10],
)
succeeds(
    "crm.item.add",
    typed("crm.item.add", entity_type_id=1, fields={"title": "Referral"}),
    lambda r: r["item"]["stageId"] == "NEW" and r["item"]["id"] > 20,
)
succeeds(
    "crm.item.update",
    typed(
        "crm.item.update",
        bitrix_id=3,
        entity_type_id=4,
        use_original_uf_names=True,
        fields={"UF_CRM_SCORE": 9, "UF_CRM_SINCE": "2026-08-21"},
    ),
    lambda r: r["item"]["UF_CRM_SCORE"] == 9 and r["item"]["UF_CRM_SINCE"].startswith("2026-08-21T"),
)
succeeds("crm.item.delete", typed("crm.item.delete", bitrix_id=10, entity_type_id=2), lambda r: r == [])
succeeds(
    "crm.item.fields",
    typed("crm.item.fields", entity_type_id=2),
    lambda r: r["fields"]["ufCrmScore"]["upperName"] == "UF_CRM_SCORE",
)
succeeds(
    "crm.stagehistory.list",
    raw("crm.stagehistory.list", entityTypeId=2, filter={"OWNER_ID": 11}),
    lambda r: [(i["ID"], i["TYPE_ID"], i["STAGE_SEMANTIC_ID"]) for i in r["items"]] == [(35, 3, "S")],
)
succeeds(
    "crm.category.list",
    raw("crm.category.list", entityTypeId=2),
    lambda r: [c["id"] for c in r["categories"]] == [0, 1],
)
succeeds(
    "crm.status.list",
    typed("crm.status.list", filter={"ENTITY_ID": "DEAL_STAGE_1"}, order={"SORT": "ASC"}),
    lambda r: [s["STATUS_ID"] for s in r][:2] == ["C1:NEW", "C1:ACTIVE"] and r[0]["SEMANTICS"] is None,
)
succeeds(
    "crm.status.add",
    typed("crm.status.add", fields={"ENTITY_ID": "SOURCE", "STATUS_ID": "MOLVA", "NAME": "Molva"}),
    lambda r: isinstance(r, int),
)
succeeds(
    "crm.currency.list", typed("crm.currency.list"), lambda r: {c["CURRENCY"] for c in r} >= {"RUB", "EUR"}
)
succeeds("crm.currency.base.get", raw("crm.currency.base.get"), lambda r: r == "RUB")
succeeds("crm.settings.mode.get", raw("crm.settings.mode.get"), lambda r: r == 1)
succeeds(
    "crm.requisite.list",
    typed("crm.requisite.list", filter={"ENTITY_TYPE_ID": 4, "ENTITY_ID": 3}, select=["ID"]),
    lambda r: r == [{"ID": "40"}],
)
succeeds(
    "crm.address.list",
    typed("crm.address.list", filter={"ANCHOR_TYPE_ID": 4, "@ANCHOR_ID": [3]}),
    lambda r: (r[0]["CITY"], r[0]["ANCHOR_ID"], r[0]["ENTITY_TYPE_ID"]) == ("Kazan", "3", "8"),
)

_LINK = {"SORT": 100, "ROLE_ID": 0, "IS_PRIMARY": "Y"}
succeeds(
    "crm.deal.contact.items.get",
    typed("crm.deal.contact.items.get", bitrix_id=10),
    lambda r: r == [{"CONTACT_ID": 7} | _LINK],
)
succeeds("crm.lead.contact.items.get", typed("crm.lead.contact.items.get", bitrix_id=20), lambda r: r == [])
succeeds(
    "crm.company.contact.items.get",
    typed("crm.company.contact.items.get", bitrix_id=3),
    lambda r: r == [{"CONTACT_ID": 7} | _LINK],
)
succeeds(
    "crm.contact.company.items.get",
    typed("crm.contact.company.items.get", bitrix_id=7),
    lambda r: r == [{"COMPANY_ID": 3} | _LINK],
)

for _name, _id, _key in (
    ("deal", 10, "TITLE"),
    ("lead", 20, "TITLE"),
    ("contact", 7, "NAME"),
    ("company", 3, "TITLE"),
):
    succeeds(
        f"crm.{_name}.list",
        typed(f"crm.{_name}.list", filter={">ID": 0}, order={"ID": "ASC"}),
        lambda r, i=_id: r[0]["ID"] == str(i),
    )
    succeeds(f"crm.{_name}.get", typed(f"crm.{_name}.get", bitrix_id=_id), lambda r, i=_id: r["ID"] == str(i))
    succeeds(
        f"crm.{_name}.add", typed(f"crm.{_name}.add", fields={_key: "New"}), lambda r: isinstance(r, int)
    )
    succeeds(
        f"crm.{_name}.update",
        typed(f"crm.{_name}.update", bitrix_id=_id, fields={_key: "Other"}),
        lambda r: r is True,
    )
    succeeds(f"crm.{_name}.delete", typed(f"crm.{_name}.delete", bitrix_id=_id), lambda r: r is True)


def _own_field(entity: str, verb: str, **more: Any) -> Do:
    def do(sdk: Sdk) -> Any:
        target: Any = getattr(sdk.client().crm, entity).userfield
        number = target.add(
            fields={"FIELD_NAME": "MADE", "USER_TYPE_ID": "string", "XML_ID": "M"}
        ).response.result
        return getattr(target, verb)(bitrix_id=number, **more).response.result

    return do


for _name in ("deal", "lead", "contact", "company"):
    succeeds(
        f"crm.{_name}.userfield.add",
        typed(
            f"crm.{_name}.userfield.add",
            fields={"FIELD_NAME": "NEW", "USER_TYPE_ID": "integer", "EDIT_FORM_LABEL": {"en": "New"}},
        ),
        lambda r: isinstance(r, int),
    )
    succeeds(
        f"crm.{_name}.userfield.list",
        typed(f"crm.{_name}.userfield.list", filter={"LANG": "en"}),
        lambda r: all("EDIT_FORM_LABEL" in row for row in r),
    )
    succeeds(
        f"crm.{_name}.userfield.get", _own_field(_name, "get"), lambda r: r["FIELD_NAME"] == "UF_CRM_MADE"
    )
    succeeds(
        f"crm.{_name}.userfield.update", _own_field(_name, "update", fields={"SORT": 7}), lambda r: r is True
    )
    succeeds(f"crm.{_name}.userfield.delete", _own_field(_name, "delete"), lambda r: r is True)
