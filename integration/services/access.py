"""A portal's REST under its own token and limits; what goes wrong with the access is mended on the way.

How tokens are renewed says `services.tokens`, what a loss of them means `services.losses`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from integration.bitrix.call import Call
from integration.bitrix.errors import AccessLost, Moved, Retryable, Suspended, TokenExpired
from integration.services import states
from integration.services.deps import Answer, BatchAnswer, Deps, Rest
from integration.services.limited import Limited, in_parts
from integration.services.losses import lives, regained, removal, removed, settle_loss
from integration.services.tokens import Access, access, follow, renew, rescue

ATTEMPTS = 3  # of one request: what is mended on the way is tried again
T = TypeVar("T", Answer, BatchAnswer)


@dataclass(frozen=True, slots=True)
class PortalRest:
    """One portal with its own service token. `interactive`: a person waits, so the reserve may be used.

    Raises what the network raises; `Retryable` with the code `paced` when the portal's limits say wait.
    A state that an answer reveals (suspended, moved, removed) is stored before the error goes on.
    """

    deps: Deps
    portal_id: int
    interactive: bool = False

    def call(self, call: Call) -> Answer:
        """Make one call."""
        return self._run(lambda rest: rest.call(call))

    def batch(self, calls: Mapping[str, Call], *, halt: bool = False, whole: bool = False) -> BatchAnswer:
        """Make up to 50 calls: in one request, or in several where the portal is too slow for one.

        Never parted with `halt`, and with `whole`: the caller has sized it.
        """

        def send(part: Mapping[str, Call]) -> BatchAnswer:
            got = self._run(lambda rest: rest.batch(part, halt=halt))
            for error in got.errors.values():
                if isinstance(error, Suspended):
                    states.suspend(self.deps, self.portal_id, error.code)
            return got

        return send(calls) if halt or whole else in_parts(self.deps, self.portal_id, calls, send)

    def _run(self, ask: Callable[[Rest], T]) -> T:
        """Make the request; an expired pair, a new address, an owner who was dismissed are mended on the way."""
        held, renewed = access(self.deps, self.portal_id), False
        for _ in range(ATTEMPTS):
            try:
                return self._once(held, ask)
            except TokenExpired as error:
                if renewed:
                    lost = AccessLost(error.method, error.code, "reauthorise")
                    held = self._mended(held, lost)
                else:
                    held, renewed = renew(self.deps, self.portal_id, held.version), True
            except Moved as moved:
                held = follow(self.deps, self.portal_id, moved)
            except AccessLost as error:
                held = self._mended(held, error)
        raise Retryable("access", "moved", effect="none")

    def _mended(self, held: Access, error: AccessLost) -> Access:
        again = settle_loss(self.deps, self.portal_id, error, held.version)
        if again is None:
            raise error from None
        return again

    def _once(self, held: Access, ask: Callable[[Rest], T]) -> T:
        endpoint, token = held.endpoint, held.token
        if held.kind == "webhook":  # the secret part of the address is kept like a token
            endpoint, token = f"{endpoint}{token}/", ""
        rest = self.deps.rest(endpoint, token, portal_id=self.portal_id)
        try:
            got = ask(Limited(self.deps, self.portal_id, held.license_family, self.interactive, rest))
        except Suspended as error:
            states.suspend(self.deps, self.portal_id, error.code)
            raise
        if held.status == "suspended":
            states.resume(self.deps, self.portal_id)
        return got


__all__ = [
    "Access", "PortalRest", "access", "follow", "lives", "regained", "removal", "removed", "renew", "rescue",
    "settle_loss",
]  # fmt: skip
