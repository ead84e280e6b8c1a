"""Access and refresh tokens of applications, with rotation (bitrix24.md 3)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from .clock import VirtualClock
from .errors import RestError
from .state import App

ACCESS_LIFE = 3600
REFRESH_LIFE = 180 * 86400
CODE_LIFE = 30


@dataclass(frozen=True)
class Pair:
    """An access token with the refresh token issued beside it; ``expires`` in virtual seconds."""

    access: str
    refresh: str
    expires: float
    app: App
    user_id: int


class Tokens:
    """All pairs in force. A refresh token dies at once when it is used."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.by_access: dict[str, Pair] = {}
        self.by_refresh: dict[str, tuple[Pair, float]] = {}
        self.codes: dict[str, tuple[App, int, float]] = {}
        self._events: dict[tuple[str, int], Pair] = {}

    def issue(self, app: App, user_id: int) -> Pair:
        """A fresh pair for a user of an application."""
        now = self.clock.time()
        pair = Pair(secrets.token_hex(35), secrets.token_hex(35), now + ACCESS_LIFE, app, user_id)
        self.by_access[pair.access] = pair
        self.by_refresh[pair.refresh] = (pair, now + REFRESH_LIFE)
        return pair

    def event_pair(self, app: App, user_id: int) -> Pair:
        """A pair for event messages; the same one serves half an hour."""
        pair = self._events.get((app.client_id, user_id))
        if (
            pair is None
            or pair.expires - self.clock.time() < ACCESS_LIFE / 2
            or pair.access not in self.by_access
        ):
            pair = self._events[(app.client_id, user_id)] = self.issue(app, user_id)
        return pair

    def issue_code(self, app: App, user_id: int) -> str:
        """An authorisation code: single use, 30 seconds."""
        code = secrets.token_hex(35)
        self.codes[code] = (app, user_id, self.clock.time() + CODE_LIFE)
        return code

    def redeem(self, app: App, code: str) -> Pair:
        """Code → pair; raises ``invalid_grant``."""
        found = self.codes.pop(code, None)
        if found is None or found[0] is not app or found[2] < self.clock.time():
            raise RestError("invalid_grant", "Code is bad or expired", 400)
        return self.issue(app, found[1])

    def rotate(self, app: App, refresh: str) -> Pair:
        """Refresh token → new pair, the old refresh token is dead; raises ``invalid_grant``."""
        found = self.by_refresh.get(refresh)
        if found is None or found[0].app is not app or found[1] < self.clock.time():
            raise RestError("invalid_grant", "Refresh token is bad or expired", 400)
        del self.by_refresh[refresh]
        return self.issue(app, found[0].user_id)

    def revoke_app(self, app: App) -> None:
        """All tokens of the application die (uninstallation); access tokens stay known as expired ones, so
        that they do not come back to life with a reinstallation."""
        self._expire_access(lambda pair: pair.app is app)
        self.by_refresh = {k: v for k, v in self.by_refresh.items() if v[0].app is not app}
        self._events = {k: v for k, v in self._events.items() if k[0] != app.client_id}

    def expire(self, refresh: bool = False) -> None:
        """Every access token is over now; with ``refresh`` the refresh tokens too."""
        self._expire_access(lambda pair: True)
        self._events.clear()
        if refresh:
            self.by_refresh.clear()

    def _expire_access(self, meant: Callable[[Pair], bool]) -> None:
        over = self.clock.time() - 1
        for key, pair in self.by_access.items():
            if meant(pair):
                self.by_access[key] = replace(pair, expires=over)
