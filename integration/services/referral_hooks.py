"""What else follows when a newcomer's referral was worked out anew; called in the same transaction (product.md R5)."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from integration.nps.policy import Policy
from integration.services.deps import Deps
from integration.store.portals import Portal
from integration.store.referral_rows import Referral

AFTER: tuple[Callable[[Deps, Session, Portal, Policy, Referral], None], ...] = ()
