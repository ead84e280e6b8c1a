"""The code of a sheet's row: it names a person to us and to nobody else (product.md W9).

A keyed hash of the invitation's number. The key is made with the first sheet of a survey that is taken out and stays
with the survey, so that every later sheet names the same person alike.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ23456789"  # no vowels: neither words nor months nor 0 and O come about
GROUPS, GROUP = 3, 4
EXTRA, BAD = "extra", "bad"  # of what a row said: extra answers by question, and those that cannot be taken
FLAWED = "flawed"  # in the counts of a sheet: rows with extra answers that cannot be taken


def code_of(secret: str, invitation_id: int) -> str:
    """The code of a person, e.g. `K7QF-2M9D-XR4T`: it begins with a letter, so no program takes it for a number."""
    value = int.from_bytes(
        hmac.new(secret.encode(), f"call-sheet:{invitation_id}".encode(), hashlib.sha256).digest()
    )
    letters = []
    for place in range(GROUPS * GROUP):
        value, number = divmod(value, 20 if place == 0 else len(ALPHABET))
        letters.append(ALPHABET[number])
    parts = ("".join(letters[start : start + GROUP]) for start in range(0, len(letters), GROUP))
    return "-".join(parts)


def by_code(secret: str | None, invitations: Iterable[int]) -> dict[str, int]:
    """Code without its dashes -> person; nothing while no sheet was taken out."""
    if secret is None:
        return {}
    return {code_of(secret, number).replace("-", ""): number for number in invitations}


def key_of(person: int, at: datetime, outcome: str) -> str:
    """What makes a call of a sheet the same one."""
    return f"sheet:{person}:{at:%Y%m%dT%H%M}:{outcome}"
