"""Codes of the referral sources an agency adds itself (product.md R1)."""

from __future__ import annotations

from hashlib import sha256

PREFIX = "own_"


def source_code(name: str) -> str:
    """The code of an own source: the same for the same name, whatever its capitals and spaces.

    It goes into the portal as an item's XML_ID, so it is short and ASCII; a source that is renamed later keeps
    the code it was made with.
    """
    same = " ".join(name.split()).casefold()
    return PREFIX + sha256(same.encode()).hexdigest()[:10]
