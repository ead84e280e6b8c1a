"""Where a finding of a rehearsal is mended: the very field, card or part of the page (product.md W4)."""

from __future__ import annotations

from typing import Any

from integration.nps.findings import Finding
from integration.nps.policy import Policy
from integration.web.pages import say


def mends(finding: Finding, policy: Policy, path: str) -> list[dict[str, Any]]:
    """Buttons that lead where a finding is put right. `path`: of this wave's page."""
    code, params = finding.code, finding.params
    found: list[dict[str, Any]] = []
    if code in ("no_channel", "no_respondent"):
        found.append({"path": f"{path}?standing={code}#clients", "label": say("Show these clients")})
    if show := _SHOWN.get(code):
        found.append({"path": f"{path}/rehearsal?show={show}#plan", "label": say("Show these people")})
    if code.startswith(("dkim_", "dmarc_rejects")):
        found.append(
            {"path": f"{path}/rehearsal#mail-{params.get('sender', '')}", "label": say("To the signature")}
        )
    if code in ("list_is_old", "settings_newer"):
        found.append(
            {"path": f"{path}/rehearsal", "label": say("Rehearse anew"), "fields": {"do": "rehearse"}}
        )
    if code in _LOOK:
        found.append({"path": f"{path}/rehearsal", "label": say("Look again"), "fields": {"do": "look"}})
    if code == "nobody_calls":
        found.append({"path": f"{path}/partners", "label": say("Links for a call centre")})
    if code == "follow_ups_open":
        found.append({"path": "/app/main", "label": say("To the tasks")})
    if code in _WAYS and policy.sender(str(params.get("sender"))) is not None:
        way = {"path": "/app/settings/senders/way", "label": say("To the setting"), "settings": True}
        found.append({**way, "fields": {"sender": params["sender"]}})
    elif field := _field(finding, policy):
        found.append({"path": field, "label": say("To the setting"), "settings": True})
    return found


_SHOWN = {
    "nameless": "nameless", "shared_mailboxes": "shared", "zone_unknown": "zone", "phone_only": "phone_only",
    "no_phone": "no_phone",
}  # fmt: skip
# What is put right elsewhere, so that only another look can tell.
_LOOK = frozenset({
    "dns_silent", "server_away", "server_login", "no_spf", "spf_lacks_server", "spf_broken", "no_dmarc", "dmarc_broken",
})  # fmt: skip
_FIELDS = {
    "nobody_to_ask": "clients", "no_public_holidays": "wave#f-country", "import_date": "clients#f-since_field",
    "zone_unknown": "clients#f-zone_field", "follow_ups_open": "", "no_sender": "senders",
    "sender_serves_client": "senders", "no_such_sender": "senders", "nobody_calls": "followups#f-callers",
}  # fmt: skip
_PARTS = {
    "lacks_name": "name", "lacks_position": "position", "lacks_email": "email", "lacks_phone": "phone",
    "bad_address": "email", "no_reply": "email", "dismissed": "person",
}  # fmt: skip
_WAYS = ("no_way", "login_refused", "never_checked", "portal_unfit")  # how a sender's letters leave
_OF_SENDER = ("sender_unfit", "no_mail_for_replies", *_WAYS)


def _field(finding: Finding, policy: Policy) -> str:
    """The address of the field of the settings that mends a finding; empty where there is none."""
    code, params = finding.code, finding.params
    if code in _OF_SENDER:
        keys = [sender.key for sender in policy.senders]
        if params.get("sender") not in keys:
            return "/app/settings/senders"
        place = keys.index(params["sender"])
        part = (
            "-email"
            if code == "no_mail_for_replies"
            else f"-{_PARTS[params['why']]}"
            if params.get("why") in _PARTS
            else ""
        )
        return f"/app/settings/senders#f-senders-{place}{part}"
    if code == "setting":
        return f"/app/settings/wave#f-{params['field']}"
    if code == "missing_fact":
        return f"/app/settings/letters/{params['letter']}/{params.get('language', policy.language)}"
    if code == "missing_placeholder":
        return (
            "/app/settings/senders"
            if str(params["placeholder"]).startswith("sender")
            else ("/app/settings/clients" if params["placeholder"] == "service" else "")
        )
    where = _FIELDS.get(code, "")
    return f"/app/settings/{where}" if where else ""
