"""What administrators tell about the signature (DKIM) of a sender's letters: a selector, or a letter received (W4).

Nobody reads the recipient's mailbox, so the source of a received test letter is pasted; what it shows is kept, the
letter itself is not.
"""

from __future__ import annotations

from typing import Literal

from integration.nps import dkim, letter_source
from integration.nps.letter_source import Received
from integration.services import policies
from integration.services.deps import Deps
from integration.store import rehearsals
from integration.store.base import transaction

Refused = Literal["no_sender", "bad_selector", "no_letter", "other_sender", "no_verdict"]


def keep_selector(deps: Deps, portal_id: int, sender_key: str, selector: str, who: str) -> Refused | None:
    """Keep under which selector a sender's letters are signed; an empty one is forgotten. What a letter showed about
    another selector is forgotten with it."""
    selector = selector.strip().removesuffix("._domainkey")
    if selector and not dkim.selector_fits(selector):
        return "bad_selector"
    with transaction(deps.sessions) as session:
        policy, _ = policies.load(session, portal_id)
        if policy.sender(sender_key) is None:
            return "no_sender"
        known = rehearsals.mailbox_of(session, portal_id, sender_key)
        seen = known.dkim if known is not None else {}
        kept = seen if seen.get("selector") == selector else {}
        rehearsals.keep_mailbox(
            session, portal_id, sender_key, who, deps.clock.now(), dkim_selector=selector[:64], dkim=kept
        )
    return None


def keep_letter(deps: Deps, portal_id: int, sender_key: str, source: str, who: str) -> Received | Refused:
    """Read a letter that was received from a sender, keep what it shows and the selector it names."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        policy, _ = policies.load(session, portal_id)
        sender = policy.sender(sender_key)
        if sender is None:
            return "no_sender"
        found = letter_source.read(source, sender.email)
        if not isinstance(found, Received):
            return found
        kept = {**found.to_json(), "at": now.isoformat()}
        selector = found.selector if dkim.selector_fits(found.selector) else ""
        rehearsals.keep_mailbox(
            session, portal_id, sender_key, who, now, dkim=kept, dkim_selector=selector[:64]
        )
    return found
