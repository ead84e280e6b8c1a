"""What our card fields and their list values are called, in every language a portal may show (product.md B1)."""

from __future__ import annotations

from collections.abc import Mapping

from integration.bitrix.manifest import SOURCE_FIELD
from integration.i18n import LANGUAGES, mark, portal_code, text

FIELDS: dict[str, str] = {
    "UF_CRM_MOLVA_REFERRAL_SOURCE": mark("Referral source"),
    "UF_CRM_MOLVA_REFERRER": mark("Recommended by"),
    "UF_CRM_MOLVA_REFERRAL_DATE": mark("Date of recommendation"),
    "UF_CRM_MOLVA_REFERRALS": mark("Clients brought"),
    "UF_CRM_MOLVA_NPS_SCORE": mark("NPS: score"),
    "UF_CRM_MOLVA_NPS_GROUP": mark("NPS: group"),
    "UF_CRM_MOLVA_NPS_DATE": mark("NPS: date of answer"),
    "UF_CRM_MOLVA_NPS_COMMENT": mark("NPS: comment"),
    "UF_CRM_MOLVA_NPS_WAVE": mark("NPS: wave"),
    "UF_CRM_MOLVA_NPS_CHANNEL": mark("NPS: channel"),
    "UF_CRM_MOLVA_ROLE": mark("NPS: role of the contact"),
    "UF_CRM_MOLVA_HOLD_UNTIL": mark("NPS: do not ask before"),
    "UF_CRM_MOLVA_OPT_OUT": mark("NPS: never ask again"),
    "UF_CRM_MOLVA_SURVEY_URL": mark("NPS: personal link"),
}

VALUES: dict[str, dict[str, str]] = {
    "UF_CRM_MOLVA_REFERRAL_SOURCE": {
        "client": mark("Client"),
        "former_client": mark("Former client"),
        "partner": mark("Partner"),
        "employee": mark("Employee"),
        "publication": mark("Rating or publication"),
        "event": mark("Event"),
        "other": mark("Other"),
        "unknown": mark("Unknown"),
    },
    "UF_CRM_MOLVA_NPS_GROUP": {
        "promoter": mark("Promoter"),
        "passive": mark("Passive"),
        "detractor": mark("Detractor"),
    },
    "UF_CRM_MOLVA_NPS_CHANNEL": {
        "phone": mark("Phone"),
        "email": mark("E-mail"),
        "link": mark("Personal link"),
        "messenger": mark("Messenger"),
        "import": mark("Import"),
        "in_person": mark("In person"),
    },
    "UF_CRM_MOLVA_ROLE": {
        "decides": mark("Decides"),
        "daily": mark("Works with us daily"),
        "other": mark("Other"),
    },
}


TAB = mark("Molva")
SOURCE = mark("By recommendation")
TAB_ABOUT = mark("What this client thinks of us, and who recommended whom")


def labels(sources: Mapping[str, str] | None = None) -> dict[str, dict[str, str]]:
    """Labels by code, of list values by `code.value`, each by the portal's own language codes; `tab`, `tab.about`.

    `sources`: the agency's own referral sources, code -> as they typed it, the same in every language. `source`: the
    portal's own source "by recommendation".
    """
    found = {code: _in_all(message) for code, message in FIELDS.items()}
    for code, values in VALUES.items():
        found |= {f"{code}.{value}": _in_all(message) for value, message in values.items()}
    for value, name in (sources or {}).items():
        own = {portal_code(language): name for language in LANGUAGES}
        found.setdefault(f"{SOURCE_FIELD}.{value}", own)
    return found | {"tab": _in_all(TAB), "tab.about": _in_all(TAB_ABOUT), "source": _in_all(SOURCE)}


def _in_all(message: str) -> dict[str, str]:
    return {portal_code(language): text(language, message) for language in LANGUAGES}
