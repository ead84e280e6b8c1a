"""Envelopes that machines post: what must be there before anything is looked up (bitrix24.md 6.2, 14.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from integration.bitrix.form_keys import ProtocolError, unflatten
from integration.bitrix.protocol import Event, parse_event
from integration.bitrix.robots import RobotCall, parse_robot


class Unreadable(ValueError):
    """What was posted is not what it should be; the text names the fault, never the content."""


class Auth(Schema):
    """Who sends: the portal, and the secret that proves it."""

    class Meta:
        unknown = EXCLUDE

    member_id = fields.String(required=True, validate=validate.Length(1, 64))
    application_token = fields.String(validate=validate.Length(0, 200))


class Envelope(Schema):
    """An event as the portal's queue posts it."""

    class Meta:
        unknown = EXCLUDE

    event = fields.String(required=True, validate=validate.Length(3, 82))
    auth = fields.Nested(Auth, required=True)


class RobotEnvelope(Schema):
    """A robot's call as the portal's queue posts it."""

    class Meta:
        unknown = EXCLUDE

    code = fields.String(required=True, validate=validate.Length(1, 100))
    document_id = fields.Raw(required=True)
    event_token = fields.String(validate=validate.Length(0, 1000))
    workflow_id = fields.String(validate=validate.Length(0, 200))
    use_subscription = fields.String(validate=validate.Length(0, 8))
    auth = fields.Nested(Auth, required=True)


_ENVELOPE = Envelope()
_ROBOT = RobotEnvelope()


def read_event(pairs: Iterable[tuple[str, str]]) -> Event:
    """The event in a posted form; raises `Unreadable`."""
    try:
        envelope: dict[str, Any] = unflatten(pairs)
        problems = _ENVELOPE.validate(envelope)
        if problems:
            raise Unreadable("not an event: " + ", ".join(sorted(map(str, problems))))
        return parse_event(envelope)
    except (ProtocolError, ValidationError) as error:
        raise Unreadable(str(error)) from None


def read_robot(pairs: Iterable[tuple[str, str]]) -> RobotCall:
    """The call of a robot in a posted form; raises `Unreadable`."""
    try:
        envelope: dict[str, Any] = unflatten(pairs)
        if problems := _ROBOT.validate(envelope):
            raise Unreadable("not a robot: " + ", ".join(sorted(map(str, problems))))
        return parse_robot(envelope)
    except (ProtocolError, ValidationError) as error:
        raise Unreadable(str(error)) from None
