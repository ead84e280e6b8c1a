"""What a card holds, and what somebody changed in it, in words (bitrix24.md 8.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from integration.bitrix.layouts import Difference
from integration.i18n import mark
from integration.services.field_labels import FIELDS
from integration.web.pages import say

COMMON = {
    "TITLE": mark("Title"), "STAGE_ID": mark("Stage"), "CLIENT": mark("Client"), "COMMENTS": mark("Comment"),
    "OPPORTUNITY_WITH_CURRENCY": mark("Amount and currency"), "CLOSEDATE": mark("Close date"),
    "BEGINDATE": mark("Begin date"), "ASSIGNED_BY_ID": mark("Responsible person"), "NAME": mark("First name"),
    "LAST_NAME": mark("Last name"), "HONORIFIC": mark("Salutation"), "PHONE": mark("Phone"),
    "EMAIL": mark("E-mail"), "COMPANY": mark("Company"), "COMPANY_TYPE": mark("Type of company"),
    "INDUSTRY": mark("Industry"), "SOURCE_ID": mark("Source"), "TYPE_ID": mark("Type"), "POST": mark("Position"),
    "OBSERVER": mark("Observers"), "STATUS_ID": mark("Stage"), "WEB": mark("Site"), "ADDRESS": mark("Address"),
    "LOGO": mark("Logo"), "PHOTO": mark("Photo"), "CONTACT": mark("Contacts"), "EMPLOYEES": mark("Number of employees"),
    "REVENUE_WITH_CURRENCY": mark("Yearly turnover"), "REQUISITES": mark("Company details"), "IM": mark("Messenger"),
    "SECOND_NAME": mark("Second name"), "BIRTHDATE": mark("Birthday"), "UTM": mark("UTM marks"),
    "PRODUCT_ROW_SUMMARY": mark("Products"), "RECURRING": mark("Repeats"), "OPENED": mark("Open to everybody"),
    "SOURCE_DESCRIPTION": mark("About the source"), "CATEGORY_ID": mark("Pipeline"),
}  # fmt: skip


def field_name(code: str, names: Mapping[str, str] | None = None) -> str:
    """What an element of a card is called: ours, the portal's own name for it, a usual one, else its code."""
    if code in FIELDS:
        return say(FIELDS[code])
    given = (names or {}).get(code, "")
    if given and given != code:
        return given
    return say(COMMON[code]) if code in COMMON else code


def difference_lines(found: Difference, names: Mapping[str, str] | None = None) -> list[str]:
    """What somebody changed in a layout, one line each."""

    def listed(codes: Sequence[str]) -> str:
        return ", ".join(field_name(code, names) for code in codes)

    lines = [say("New section: {title}", title=one) for one in found.sections_added]
    lines += [say("Section removed: {title}", title=one) for one in found.sections_removed]
    lines += [
        say("Section renamed: {before} → {after}", before=old, after=new)
        for old, new in found.sections_renamed
    ]
    lines += [say("Fields added: {fields}", fields=listed(found.added))] if found.added else []
    lines += [say("Fields removed: {fields}", fields=listed(found.removed))] if found.removed else []
    lines += [say("Fields moved: {fields}", fields=listed(found.moved))] if found.moved else []
    return lines or [say("The same fields in another order")]
