"""Who signs the letters of a survey under way: its list keeps its rules, but nobody signs who has left (W5, W6)."""

from __future__ import annotations

from dataclasses import replace

from .addresses import email_key
from .letters import is_dismissed
from .people import Team
from .policy import Policy, Sender

_LONGEST_NAME = 200  # characters, as letters keep it


def of_today(frozen: Policy, today: Policy, team: Team) -> Policy:
    """The rules of a survey with those who sign today, under the keys they were chosen by: names, addresses and phones
    as the settings have them now. Where the one chosen then has left, whoever the settings name instead signs."""

    def chosen(key: str, instead: str) -> str:
        return key if _stays(today.sender(key), team) else instead

    default = chosen(frozen.default_sender, today.default_sender)
    cities = {city.strip().casefold(): key for city, key in today.sender_by_city.items()}
    by_city = {
        city: found
        for city, key in frozen.sender_by_city.items()
        if (found := chosen(key, cities.get(city.strip().casefold(), default)))
    }
    if default != frozen.default_sender:
        by_city = {**today.sender_by_city, **by_city}
    return replace(
        frozen, senders=today.senders, sender_by_city=by_city, default_sender=default,
        head_sender=chosen(frozen.head_sender, today.head_sender),
    )  # fmt: skip


def has_left(key: str, name: str, address: str, today: Policy, team: Team) -> bool:
    """Whether whoever signs a letter is not there any more: taken off the settings, replaced by somebody else there, or
    dismissed in the portal. ``name``, ``address``: as they stand in the letter."""
    sender = today.sender(key)
    if sender is None or email_key(sender.email) != email_key(address) or sender.name[:_LONGEST_NAME] != name:
        return True
    return not _stays(sender, team)


def leaving(frozen: Policy, today: Policy, team: Team) -> tuple[Sender, ...]:
    """Those of today's settings who were to sign this survey and are dismissed: somebody has to be chosen instead."""
    keys = {frozen.default_sender, frozen.head_sender, *frozen.sender_by_city.values()}
    return tuple(one for one in today.senders if one.key in keys and not _stays(one, team))


def _stays(sender: Sender | None, team: Team) -> bool:
    """Named in the settings, and not dismissed."""
    return sender is not None and not is_dismissed(sender, team)
