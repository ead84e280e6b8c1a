"""What one card of a client leaves to the card it was merged into (product.md B2, E5, W12).

Merging gives two cards one name, and what counts for either has to hold for both: whoever never wants to be asked
again is never asked again, a later day of silence is kept, an older score does not take a newer one's place.
"""

from __future__ import annotations

from datetime import date


def silence(theirs: date | None, ours: date | None, today: date) -> date | None:
    """The day until which the card that stays is not asked, if the other one's is what counts; else nothing.

    Days are those of the portal's calendar; one that has passed is left behind.
    """
    if theirs is None or theirs <= today:
        return None
    return theirs if ours is None or theirs > ours else None


def newer(theirs: date | None, ours: date | None) -> bool:
    """Whether a score of the other card, given on a day, is newer than the one of the card that stays.

    Without a day it is not; given on one and the same day, that of the card that stays is kept.
    """
    return theirs is not None and (ours is None or theirs > ours)
