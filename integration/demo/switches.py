"""Faults of the portal and of the mail server that the newcomer may switch on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import requests

from .mailroom import SWITCH, write_switch
from .world import CLIENT_ID, World

Json = dict[str, Any]
FIELD, TAB = "UF_CRM_MOLVA_NPS_SCORE", "CRM_COMPANY_DETAIL_TAB"


@dataclass(frozen=True)
class Switch:
    """One fault: its words, and the portal's settings that switch it on and off (or a mode of the mail server)."""

    name: str
    text: str
    on: Json | None = None
    off: Json | None = None
    mail: str = ""


SWITCHES = (
    Switch("down", "Portal does not answer", {"down": True}, {"down": False}),
    Switch("slow", "Portal is slow", {"slow": {"on": True, "min": 2.0, "max": 6.0}}, {"slow": {"on": False}}),
    Switch("lost", "Every third event is lost", {"events": {"lose_every": 3}}, {"events": {"lose_every": 0}}),
    Switch(
        "limit",
        "Portal lets few requests through",
        {"rate_limit": {"per_second": 0.5, "burst": 5}},
        {"rate_limit": {"per_second": None, "burst": None}},
    ),
    Switch("suspended", "Portal's subscription has lapsed", {"suspended": True}, {"suspended": False}),
    Switch("busy", "Mail server is busy", mail="temporary"),
    Switch("refuse", "Mail server refuses every address", mail="refuse"),
)
BY_NAME = {switch.name: switch for switch in SWITCHES}


@dataclass
class Switches:
    """The switches of one world."""

    world: World

    def on(self) -> set[str]:
        """The faults that are on, as portal and mail server themselves say."""
        found = self.world.control.get("settings")
        names = {switch.name for switch in SWITCHES if switch.on and _holds(found, switch.on)}
        return names | {switch.name for switch in SWITCHES if switch.mail and switch.mail == self._mail()}

    def _mail(self) -> str:
        try:
            return str(json.loads((self.world.mail / SWITCH).read_text(encoding="utf-8")).get("mode", ""))
        except (OSError, ValueError):
            return ""

    def turn(self, name: str, on: bool) -> None:
        """Switches one fault. Raises ``LookupError`` for an unknown one."""
        switch = BY_NAME[name]
        if switch.mail:
            write_switch(self.world.mail, switch.mail if on else "ok")
        else:
            self.world.control.put("settings", switch.on if on else switch.off)

    def damage(self) -> None:
        """The portal's administrator deletes the score field of companies and Molva's tab in their card."""
        control = self.world.control
        rows = control.act(1, "crm.company.userfield.list", {"filter": {"FIELD_NAME": FIELD}})
        for row in rows:
            control.act(1, "crm.company.userfield.delete", {"id": row["ID"]})
        opened = control.post(f"apps/{CLIENT_ID}/open", {"user_id": 1, "dry": True})
        body = {"auth": opened["fields"]["AUTH_ID"], "PLACEMENT": TAB}
        requests.post(
            f"{control.portal}/rest/placement.unbind.json", data=body, timeout=30
        ).raise_for_status()

    def spoil_token(self) -> None:
        """All tokens of the portal are dead now, those for renewing too."""
        self.world.control.post("tokens/expire", {"refresh": True})


def _holds(found: Json, wanted: Json) -> bool:
    return all(
        _holds(found.get(name) or {}, value) if isinstance(value, dict) else found.get(name) == value
        for name, value in wanted.items()
    )
