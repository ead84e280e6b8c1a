"""The scale and its groups: 0 to 10, once and for all (product.md 2, W13)."""

from __future__ import annotations

from .errors import OutOfRange
from .people import Group

SCALE = range(11)


def group(score: int) -> Group:
    """Promoter 9 and 10, passive 7 and 8, detractor 0 to 6; OutOfRange for anything else."""
    if score not in SCALE:
        raise OutOfRange(f"no score: {score!r}")
    if score >= 9:
        return "promoter"
    return "passive" if score >= 7 else "detractor"
