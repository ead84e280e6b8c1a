"""One portal with its authorisation server: state, tokens, event queue, limits, faults, journal."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .agency import Agency, Json
from .clock import VirtualClock
from .errors import RestError
from .events import Queue
from .faults import Faults
from .journal import Journal
from .limits import Buckets, Budget
from .state import App, Origin, State, Webhook
from .tokens import Tokens


class Portal:
    """Everything behind the two addresses of a sandbox. ``start``/``stop`` run the event queue's thread."""

    def __init__(self, clock: VirtualClock, origin: Origin | None = None) -> None:
        self.clock = clock
        self.state = State(clock, origin or Origin())
        self.tokens = Tokens(clock)
        self.queue = Queue(self.state, self.tokens)
        self.buckets = Buckets(clock)
        self.budget = Budget(clock)
        self.faults = Faults()
        self.journal = Journal()
        self._thread: threading.Thread | None = None

    def load(self, agency: Agency) -> None:
        """Replaces the data; registered applications, webhooks and bindings stay."""
        self.state.load(agency)

    def start(self) -> None:
        """Starts delivering events."""
        self._thread = threading.Thread(target=self.queue.run, name="event-queue", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread of the queue."""
        self.queue.stop()
        if self._thread:
            self._thread.join(timeout=10)


@dataclass(frozen=True)
class Context:
    """Who calls: the user whose rights count, and the application or webhook whose limits do. ``trusted``
    is an employee at the portal's own pages: no scopes, no application context needed."""

    portal: Portal
    user_id: int
    app: App | None = None
    webhook: Webhook | None = None
    trusted: bool = False

    @property
    def state(self) -> State:
        """The portal's memory."""
        return self.portal.state

    @property
    def queue(self) -> Queue:
        """The event queue."""
        return self.portal.queue

    @property
    def caller(self) -> str:
        """The key of the operating budget."""
        if self.app:
            return self.app.client_id
        return f"webhook:{self.webhook.code}" if self.webhook else "ui"

    @property
    def scope(self) -> tuple[str, ...]:
        """Scopes granted to the token or webhook."""
        if self.app:
            return self.app.scope
        return self.webhook.scope if self.webhook else ()

    @property
    def admin(self) -> bool:
        """Whether the acting user is an administrator."""
        return self.state.is_admin(self.user_id)

    def fire(self, event: str, data: Json) -> None:
        """An event in the name of the acting user."""
        self.queue.fire(event, data, self.user_id)


@dataclass(frozen=True)
class Answer:
    """A result with the counters of a list."""

    result: Any
    total: int | None = None
    next: int | None = None


Handler = Callable[[Context, Json], Any]


@dataclass(frozen=True)
class Method:
    """One REST method: scopes (any of them is enough; none: free), who may call."""

    name: str
    handler: Handler
    scopes: tuple[str, ...]
    context: str
    admin: bool
    control_only: bool


METHODS: dict[str, Method] = {}


def method(
    name: str, *scopes: str, context: str = "", admin: bool = False, control_only: bool = False
) -> Callable[[Handler], Handler]:
    """Registers a handler. ``context`` "type" refuses webhooks with ``WRONG_AUTH_TYPE`` 403, "denied" with
    ``ACCESS_DENIED`` 400, "access" with ``AccessException``; "" takes both."""

    def register(handler: Handler) -> Handler:
        METHODS[name] = Method(name, handler, scopes, context, admin, control_only)
        return handler

    return register


def check_caller(ctx: Context, called: Method) -> None:
    """Scope, application context and administrator's rights of a call (bitrix24.md 1.3, 3.6)."""
    if ctx.trusted:
        return
    if called.scopes and not set(called.scopes) & set(ctx.scope):
        text = "The request requires higher privileges than provided by the access token"
        raise RestError("insufficient_scope", text, 403)
    if called.context and ctx.app is None:
        raise _no_context(called.context)
    if called.admin and not ctx.admin:
        if called.context == "access":
            raise RestError("AccessException", "Administrator authorization required")
        status = 400 if called.context == "denied" else 403
        raise RestError("ACCESS_DENIED", "Access denied! Admin permissions required", status)


def _no_context(style: str) -> RestError:
    if style == "type":
        text = "Current authorization type is denied for this method Application context required"
        return RestError("WRONG_AUTH_TYPE", text, 403)
    if style == "access":
        return RestError("AccessException", "Application context required")
    return RestError("ACCESS_DENIED", "Access denied! Application context required")
