"""The robot of the application: what it is in the portal, its calls, and what it posts to us (bitrix24.md 14.2).

The portal lists codes only, never how a robot is registered; so whoever sets it up keeps ``print_of`` what was sent
and sends it again when that differs.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integration.bitrix.call import Call
from integration.bitrix.form_keys import ProtocolError
from integration.bitrix.protocol import Grant, parse_auth

CODE = "molva_ask"
PATH = "/bitrix/robot"
SCOPE = "bizproc"
DAYS = "days"  # the robot's own field: ask so many days later
MOST_DAYS = 365
#: What a waiting robot gets back, and of which type it is in the portal.
RETURNS: Mapping[str, str] = {
    "outcome": "string", "score": "int", "group": "string", "comment": "text", "reason": "string",
}  # fmt: skip
_DEAL = re.compile(r"DEAL_([1-9][0-9]{0,9})")
_TOKEN_MOST = 1000
_LARGEST = 2**31 - 1

Texts = Mapping[str, Mapping[str, str]]


# --- calls


def robot_list() -> Call:
    """Codes of this application's robots."""
    return Call("bizproc.robot.list")


def robot_add(fields: Mapping[str, Any]) -> Call:
    """Registers the robot; where it is registered the portal refuses, so it may be repeated."""
    return Call("bizproc.robot.add", {"CODE": CODE, **fields})


def robot_update(fields: Mapping[str, Any]) -> Call:
    """Changes the robot."""
    return Call("bizproc.robot.update", {"CODE": CODE, "FIELDS": dict(fields)})


def event_send(token: str, values: Mapping[str, Any], message: str) -> Call:
    """Values for a robot that waits. A token that has served, or is over, is refused: a repeat does nothing."""
    params = {"EVENT_TOKEN": token, "RETURN_VALUES": dict(values), "LOG_MESSAGE": message}
    return Call("bizproc.event.send", params)


# --- what the portal should hold


def handler_of(base: str) -> str:
    """The address the robot posts to; ``base`` is Molva's public address."""
    return f"{base.rstrip('/')}{PATH}"


def wanted(base: str, texts: Texts, user_id: int | None) -> dict[str, Any]:
    """The robot's fields. ``texts`` by the portal's language codes: ``name``, ``about``, ``days``, ``days.about`` and
    one for each of ``RETURNS``. ``USE_SUBSCRIPTION`` stays open: whether it waits is chosen where it is used."""
    properties = {
        DAYS: {
            "Name": dict(texts["days"]), "Description": dict(texts["days.about"]), "Type": "int",
            "Required": "N", "Multiple": "N", "Default": 0,
        }
    }  # fmt: skip
    returns = {name: {"Name": dict(texts[name]), "Type": kind} for name, kind in RETURNS.items()}
    return {
        "HANDLER": handler_of(base),
        "AUTH_USER_ID": user_id or 1,
        "USE_SUBSCRIPTION": "",
        "NAME": dict(texts["name"]),
        "DESCRIPTION": dict(texts["about"]),
        "PROPERTIES": properties,
        "RETURN_PROPERTIES": returns,
        "FILTER": {"INCLUDE": [["crm", "CCrmDocumentDeal"]]},
    }


def print_of(fields: Mapping[str, Any]) -> str:
    """A short mark of what was sent: another mark means the robot in the portal is not this one."""
    written = json.dumps(fields, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()[:32]


def plan(fields: Mapping[str, Any], codes: Any, sent: str) -> list[Call]:
    """The call after which the robot is there as wanted. ``codes``: the answer of ``robot_list``; ``sent``: the mark
    of what was sent last."""
    many = list(codes.values()) if isinstance(codes, dict) else codes or []
    if CODE not in [str(one) for one in many]:
        return [robot_add(fields)]
    return [] if sent == print_of(fields) else [robot_update(fields)]


# --- what the robot posts


@dataclass(frozen=True)
class RobotCall:
    """One robot on one card, as its portal posts it; unproven. ``deal_id`` 0: it stands on something else.

    ``token`` names this very step of this very process; ``waits``: whether the process goes on only after an answer.
    """

    grant: Grant
    code: str
    deal_id: int
    document: str
    workflow: str
    token: str = field(repr=False)
    waits: bool
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The same for every delivery of the same step; of the token only a digest."""
        about = self.token or f"{self.workflow}:{self.document}"
        return f"robot:{hashlib.sha256(about.encode()).hexdigest()[:48]}"

    @property
    def days(self) -> int:
        """After how many days the client is to be asked, 0 to ``MOST_DAYS``; what is no number is 0."""
        text = str(self.properties.get(DAYS) or "0").strip()
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        return min(number, MOST_DAYS)


def parse_robot(form: Mapping[str, Any]) -> RobotCall:
    """What a robot posted, from the nested form. ProtocolError for anything else."""
    code, token, workflow = (_text(form.get(name)) for name in ("code", "event_token", "workflow_id"))
    if not code or len(token) > _TOKEN_MOST or len(workflow) > _TOKEN_MOST or not (token or workflow):
        raise ProtocolError("no robot")
    given = form.get("document_id")
    parts = list(given.values()) if isinstance(given, dict) else given
    names = [str(one) for one in parts] if isinstance(parts, list) else [_text(parts)]
    document = names[-1][:100] if names else ""
    deal = _DEAL.fullmatch(document)
    number = int(deal.group(1)) if deal else 0
    properties = form.get("properties")
    return RobotCall(
        grant=parse_auth(form.get("auth")),
        code=code,
        deal_id=number if number <= _LARGEST else 0,
        document=document,
        workflow=workflow,
        token=token,
        waits=bool(token) and _text(form.get("use_subscription")).upper() not in ("N", "0"),
        properties=properties if isinstance(properties, dict) else {},
    )


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
