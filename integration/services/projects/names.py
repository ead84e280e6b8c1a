"""What a survey after a project is called: on a card, and in a sentence about it (product.md W16)."""

from __future__ import annotations

from integration.i18n import language_of, text
from integration.nps.projects import month_of
from integration.store.portals import Portal
from integration.store.waves import PROJECT, Wave


def on_card(portal: Portal, wave: Wave) -> str:
    """The name for the card's field: `2026` of the yearly survey, `project 2026-11` in the portal's language."""
    month = month_of(wave.name) if wave.kind == PROJECT else None
    if month is None:
        return wave.name
    return text(language_of(portal.language), "project {month}", month=f"{month:%Y-%m}")


def in_words(portal: Portal, wave: Wave) -> str:
    """The name as it stands behind the word "Survey"."""
    month = month_of(wave.name) if wave.kind == PROJECT else None
    if month is None:
        return wave.name
    return text(language_of(portal.language), "after a project, {month}", month=f"{month:%Y-%m}")
