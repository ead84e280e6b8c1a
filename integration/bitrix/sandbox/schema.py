"""Fields of leads, deals, contacts and companies: names of both APIs, types, defaults (bitrix24.md 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .agency import COMPANY, CONTACT, DEAL, LEAD


@dataclass(frozen=True)
class Field:
    """One field: camelCase name, type, upper-case name in ``crm.item.fields``, name in the old methods."""

    name: str
    type: str
    upper: str
    classic: str
    default: Any = None
    read_only: bool = False
    multiple: bool = False


@dataclass(frozen=True)
class Kind:
    """One kind of CRM object (bitrix24.md 7.1)."""

    id: int
    name: str
    abbr: str
    fields: dict[str, Field]
    by_classic: dict[str, str]
    by_upper: dict[str, str]

    @property
    def uf_entity(self) -> str:
        """The user-field entity, ``CRM_DEAL``."""
        return f"CRM_{self.name}"

    @property
    def code(self) -> str:
        """The entity type of timeline comments, ``deal``."""
        return self.name.lower()


# name, type, marks: ro read only, multi list, name of the old methods in capitals, "=x" default
_COMMON = """
id integer ro
createdTime datetime ro DATE_CREATE
updatedTime datetime ro DATE_MODIFY
createdBy user ro CREATED_BY_ID
updatedBy user ro MODIFY_BY_ID
assignedById user
opened boolean =Y
comments text
sourceId crm_status
sourceDescription text
originatorId string
originId string
lastActivityTime datetime ro
lastActivityBy user ro
utmSource string
utmMedium string
utmCampaign string
utmContent string
utmTerm string
webformId integer
observers user multi
"""
_STAGED = """
stageId crm_status
stageSemanticId string ro
opportunity double =0
isManualOpportunity boolean =N
currencyId string
isReturnCustomer boolean ro =N
movedTime datetime ro
movedBy user ro MOVED_BY_ID
title string
contactId crm_contact
contactIds crm_contact multi
companyId crm_company
"""
_PERSON = """
name string
lastName string
secondName string
honorific crm_status
post string
birthdate date
hasPhone boolean ro =N
hasEmail boolean ro =N
hasImol boolean ro =N
fm multifield multi
"""
_LEAD = """
statusDescription text
companyTitle string
dateClosed datetime ro
isConvert boolean ro =N
"""
_DEAL = """
categoryId crm_category =0
typeId crm_status =SALE
begindate date
closedate date
closed boolean ro =N
isNew boolean ro =N
isRecurring boolean ro =N
isRepeatedApproach boolean ro =N
isWork boolean ro =null
isWon boolean ro =null
isLose boolean ro =null
leadId crm_lead
quoteId integer
probability integer
taxValue double =0
additionalInfo text
locationId string
"""
_CONTACT = """
companyId crm_company
companyIds crm_company multi
typeId crm_status
leadId crm_lead
export boolean =Y
categoryId crm_category =0
"""
_COMPANY = """
title string
typeId crm_status
industry crm_status
revenue double =0
currencyId string
employees crm_status
isMyCompany boolean =N
leadId crm_lead
categoryId crm_category =0
hasPhone boolean ro =N
hasEmail boolean ro =N
hasImol boolean ro =N
contactIds crm_contact multi
fm multifield multi
"""
_CLASSIC = {(LEAD, "stageId"): "STATUS_ID", (LEAD, "stageSemanticId"): "STATUS_SEMANTIC_ID"}
_DEFAULTS: dict[str, Any] = {"null": None, "0": 0}


def upper_name(name: str) -> str:
    """``assignedById`` → ``ASSIGNED_BY_ID``."""
    return "".join(f"_{c}" if c.isupper() else c.upper() for c in name)


def camel_name(name: str) -> str:
    """``ASSIGNED_BY_ID`` → ``assignedById``."""
    head, *tail = name.lower().split("_")
    return head + "".join(part.capitalize() for part in tail)


def _field(kind_id: int, line: str) -> Field:
    name, type_, *marks = line.split()
    classic = _CLASSIC.get((kind_id, name), upper_name(name))
    default: Any = None
    for mark in marks:
        if mark.startswith("="):
            default = _DEFAULTS.get(mark[1:], mark[1:])
        elif mark.isupper():
            classic = mark
    return Field(name, type_, upper_name(name), classic, default, "ro" in marks, "multi" in marks)


def _kind(kind_id: int, name: str, abbr: str, *tables: str) -> Kind:
    fields: dict[str, Field] = {}
    for table in tables:
        for line in table.split("\n"):
            if line.strip():
                field = _field(kind_id, line)
                fields[field.name] = field
    by_classic = {field.classic: field.name for field in fields.values()}
    by_upper = {field.upper: field.name for field in fields.values()}
    return Kind(kind_id, name, abbr, fields, by_classic, by_upper)


KINDS: dict[int, Kind] = {
    LEAD: _kind(LEAD, "LEAD", "L", _COMMON, _STAGED, _PERSON, _LEAD),
    DEAL: _kind(DEAL, "DEAL", "D", _COMMON, _STAGED, _DEAL),
    CONTACT: _kind(CONTACT, "CONTACT", "C", _COMMON, _PERSON, _CONTACT),
    COMPANY: _kind(COMPANY, "COMPANY", "CO", _COMMON, _COMPANY),
}
KIND_BY_NAME: dict[str, Kind] = {kind.name: kind for kind in KINDS.values()}
KIND_BY_ABBR: dict[str, Kind] = {kind.abbr: kind for kind in KINDS.values()}

#: Types whose values are whole numbers.
NUMBER_TYPES = frozenset(
    {"integer", "user", "crm_company", "crm_contact", "crm_lead", "crm_category", "employee", "enumeration"}
)
