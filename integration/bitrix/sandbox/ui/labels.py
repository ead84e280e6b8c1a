"""What the portal's own fields are called, and which of them stand where on a card nobody rearranged."""

from __future__ import annotations

from ..agency import COMPANY, CONTACT, DEAL, LEAD

#: Name of a field of ``crm.item.*`` → text for people (English; see ``words.json``).
LABELS: dict[str, str] = {
    "title": "Title", "stageId": "Stage", "opportunity": "Amount", "currencyId": "Currency",
    "closedate": "End date", "begindate": "Start date", "categoryId": "Pipeline", "typeId": "Type",
    "companyId": "Company", "contactIds": "Contacts", "companyIds": "Companies", "sourceId": "Source",
    "sourceDescription": "About the source", "assignedById": "Responsible", "comments": "Comment",
    "name": "First name", "lastName": "Last name", "secondName": "Middle name", "post": "Position",
    "birthdate": "Birthday", "companyTitle": "Company name", "phones": "Phone", "emails": "E-mail",
    "industry": "Industry", "employees": "Employees", "revenue": "Revenue", "leadId": "Lead",
    "createdTime": "Created", "updatedTime": "Changed", "isMyCompany": "Our own company",
    "isRecurring": "Recurring template", "honorific": "Form of address", "observers": "Observers",
    "statusDescription": "About the stage", "id": "ID", "city": "City", "fullName": "Name",
}  # fmt: skip

#: Names of layout elements that are not simply a field in capitals.
ELEMENTS: dict[str, tuple[str, ...]] = {
    "OPPORTUNITY_WITH_CURRENCY": ("opportunity",),
    "CLIENT": ("companyId", "contactIds"),
    "COMPANY": ("companyIds",),
    "CONTACT": ("contactIds",),
    "COMPANY_TYPE": ("typeId",),
    "STATUS_ID": ("stageId",),
    "PHONE": ("phones",),
    "EMAIL": ("emails",),
    "FM": ("phones", "emails"),
    "ADDRESS": ("city",),
}

_MORE = "Details"
#: Kind → sections of the built-in card: (title, fields).
BUILT_IN: dict[int, tuple[tuple[str, tuple[str, ...]], ...]] = {
    LEAD: (
        (
            "About the lead",
            ("title", "stageId", "name", "lastName", "post", "companyTitle", "phones", "emails"),
        ),
        (_MORE, ("sourceId", "sourceDescription", "assignedById", "comments", "createdTime")),
    ),
    DEAL: (
        (
            "About the deal",
            ("title", "stageId", "opportunity", "begindate", "closedate", "companyId", "contactIds"),
        ),
        (_MORE, ("sourceId", "assignedById", "comments", "leadId", "createdTime")),
    ),
    CONTACT: (
        ("About the contact", ("name", "lastName", "post", "phones", "emails", "companyIds")),
        (_MORE, ("city", "sourceId", "assignedById", "comments", "createdTime")),
    ),
    COMPANY: (
        ("About the company", ("title", "phones", "emails", "contactIds", "city")),
        (_MORE, ("isMyCompany", "assignedById", "comments", "createdTime")),
    ),
}

#: Kind → columns of its list; endings of user fields stand for whatever field ends so.
COLUMNS: dict[int, tuple[str, ...]] = {
    LEAD: ("title", "stageId", "fullName", "sourceId", "*_REFERRAL_SOURCE", "assignedById", "createdTime"),
    DEAL: (
        *("title", "stageId", "*_NPS_SCORE", "*_NPS_GROUP", "opportunity", "companyId"),
        *("*_REFERRAL_SOURCE", "assignedById"),
    ),
    CONTACT: (
        *("fullName", "companyIds", "*_NPS_SCORE", "*_NPS_GROUP", "*_ROLE", "phones", "emails"),
        "assignedById",
    ),
    COMPANY: (
        *("title", "*_NPS_SCORE", "*_NPS_GROUP", "*_REFERRALS", "*_REFERRAL_SOURCE", "city"),
        *("assignedById", "updatedTime"),
    ),
}

#: Kind → (code in addresses, name of the list, name of one, "new one").
KIND_WORDS: dict[int, tuple[str, str, str, str]] = {
    LEAD: ("lead", "Leads", "Lead", "New lead"),
    DEAL: ("deal", "Deals", "Deal", "New deal"),
    CONTACT: ("contact", "Contacts", "Contact", "New contact"),
    COMPANY: ("company", "Companies", "Company", "New company"),
}
