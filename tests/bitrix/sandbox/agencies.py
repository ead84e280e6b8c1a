"""A small agency for the tests of the sandbox: every number below is relied on by some test."""

from __future__ import annotations

from integration.bitrix.sandbox.agency import (
    Agency,
    Json,
    PortalInfo,
    default_categories,
    default_statuses,
    stage_rows,
)

MOBILE = {"typeId": "PHONE", "valueType": "MOBILE", "value": "+7 999 000-00-01"}
MAIL = {"typeId": "EMAIL", "valueType": "WORK", "value": "ivan@example.com"}


def _user(number: int, name: str, **more: object) -> Json:
    base = {"ID": str(number), "NAME": name, "LAST_NAME": "Example", "EMAIL": f"user{number}@example.com"}
    return base | {"ACTIVE": True, "ADMIN": False, "UF_DEPARTMENT": [1], "WORK_POSITION": "Manager"} | more


def small_agency(**portal: object) -> Agency:
    """Users 1 (administrator), 6 (manager), 8 (head of department 2), 9 (dismissed); companies 3 (with
    contact 7) and 4 (own); deals 10 (work), 11 (won), 12 (service pipeline 1); lead 20; fields SCORE
    (integer), SINCE (date), SOURCE (list), REFERRER (crm)."""
    agency = Agency(portal=PortalInfo(**{"timezone": "Europe/Berlin", "language": "en"} | portal))  # type: ignore[arg-type]
    agency.users = [
        _user(1, "Anna", ADMIN=True, WORK_POSITION="Administrator"),
        _user(6, "Boris", PERSONAL_CITY="Kazan"),
        _user(8, "Clara", UF_DEPARTMENT=[2]),
        _user(9, "Denis", ACTIVE=False),
    ]
    agency.departments = [
        {"ID": "1", "NAME": "Agency", "SORT": 500, "PARENT": None, "UF_HEAD": "1"},
        {"ID": "2", "NAME": "Service", "SORT": 500, "PARENT": "1", "UF_HEAD": "8"},
    ]
    service = {"id": 1, "name": "Service", "sort": 400, "entityTypeId": 2, "isDefault": "N"}
    agency.categories = [*default_categories(), service]
    agency.statuses = [*default_statuses(), *stage_rows(1, [("NEW", "New"), ("ACTIVE", "Active")])]
    agency.user_fields = [_field(entity, *row) for entity in ("CRM_DEAL", "CRM_COMPANY") for row in _FIELDS]
    _fill_cards(agency)
    agency.stage_history = [
        {
            "ID": 35,
            "TYPE_ID": 3,
            "OWNER_ID": 11,
            "CREATED_TIME": "2025-02-03T14:59:11+01:00",
            "CATEGORY_ID": 0,
            "STAGE_SEMANTIC_ID": "S",
            "STAGE_ID": "WON",
        },
    ]
    agency.requisites = [{"ID": 40, "ENTITY_TYPE_ID": 4, "ENTITY_ID": 3, "NAME": "Organization"}]
    agency.addresses = [
        {"TYPE_ID": 1, "ENTITY_TYPE_ID": 8, "ENTITY_ID": 40, "CITY": "Kazan", "COUNTRY": "Russia"}
    ]
    agency.absences = [
        {
            "USER_ID": 6,
            "FROM": "2026-08-20T00:00:00+02:00",
            "TO": "2026-08-25T00:00:00+02:00",
            "NAME": "Leave",
        }
    ]
    return agency


def _fill_cards(agency: Agency) -> None:
    agency.companies = [
        {"id": 3, "title": "ACME", "assignedById": 6, "fm": [dict(MAIL, value="info@example.com")]},
        {"id": 4, "title": "We ourselves", "isMyCompany": "Y"},
    ]
    agency.contacts = [
        {"id": 7, "name": "Ivan", "lastName": "Example", "companyIds": [3], "fm": [MOBILE, MAIL]}
    ]
    agency.deals = [
        {
            "id": 10,
            "title": "Site",
            "companyId": 3,
            "contactIds": [7],
            "stageId": "NEW",
            "assignedById": 6,
            "opportunity": 19999.5,
            "createdTime": "2025-01-31T10:00:00+01:00",
        },
        {
            "id": 11,
            "title": "Logo",
            "companyId": 3,
            "stageId": "WON",
            "createdTime": "2025-02-01T10:00:00+01:00",
            "begindate": "2025-02-01",
            "closedate": "2025-03-30",
        },
        {"id": 12, "title": "Support", "companyId": 3, "categoryId": 1, "stageId": "C1:ACTIVE"},
    ]
    agency.leads = [{"id": 20, "title": "Lead", "name": "Olga", "companyTitle": "New client"}]


_FIELDS = (
    ("UF_CRM_SCORE", "integer", {}),
    ("UF_CRM_SINCE", "date", {}),
    (
        "UF_CRM_SOURCE",
        "enumeration",
        {"LIST": [{"VALUE": "Partner", "XML_ID": "P"}, {"VALUE": "Other", "XML_ID": "O"}]},
    ),
    ("UF_CRM_REFERRER", "crm", {"SETTINGS": {"COMPANY": "Y", "CONTACT": "Y"}}),
    ("UF_CRM_FLAG", "boolean", {}),
    ("UF_CRM_TAGS", "string", {"MULTIPLE": "Y"}),
)


def _field(entity: str, name: str, type_: str, more: Json) -> Json:
    label = {"EDIT_FORM_LABEL": {"en": f"{name} en", "ru": f"{name} ru"}}
    return {"ENTITY_ID": entity, "FIELD_NAME": name, "USER_TYPE_ID": type_, "SHOW_FILTER": "Y"} | label | more
