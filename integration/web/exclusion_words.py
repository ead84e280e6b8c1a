"""Why a client was taken off the list of a survey, in words: by a person, or since its card is gone (E7)."""

from __future__ import annotations

from integration.i18n import mark
from integration.nps.touches import CARD_GONE, MACHINE, MERGED
from integration.web.pages import say

_BY_ITSELF = {
    CARD_GONE: mark("The card is no longer in Bitrix24."),
    MERGED: mark("The card was merged with another one; the client is asked and counted there."),
}


def by_itself(who: str, why: str) -> str:
    """The sentence for what no person has decided; empty if one has."""
    code = why.partition(":")[0]
    return say(_BY_ITSELF[code]) if who == MACHINE and code in _BY_ITSELF else ""


def detail(kept: str) -> str:
    """The reason as the list keeps it, ``who: why``, for people."""
    who, _, why = kept.partition(": ")
    return by_itself(who, why) or kept
