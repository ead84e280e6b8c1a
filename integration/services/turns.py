"""Every portal in its turn: none waits for the backlog or the slowness of another (product.md T2, B4)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import ContextVar, copy_context

AT_ONCE = 4  # portals of one kind of work in one process; each waits for its portal most of the time
GLANCE = 0.2  # seconds between looks for further work while a slow portal is waited for
SLOW = (
    1.0  # seconds after which a portion that is still under way does not keep the others from their next ones
)

# Whether this process is about to end: then nothing new is begun (the worker sets it for each kind of work).
giving_way: ContextVar[Callable[[], bool]] = ContextVar("molva_giving_way", default=lambda: False)


def in_turn(due: Callable[[], list[int]], work: Callable[[int], bool]) -> bool:
    """Do one portion of `work` for each portal that `due` names, a few at a time; True if any had something to do.

    While a slow one is still at a portion, the others go on with theirs. A failure of one portal
    stops no other: the first is raised when all have had their turn.
    """
    first = due()
    if not first:
        return False
    with ThreadPoolExecutor(AT_ONCE, "turn") as pool:  # for one, too: others may come while it is at work
        return _Round(pool, work, due).run(first)


class _Round:
    def __init__(
        self, pool: ThreadPoolExecutor, work: Callable[[int], bool], due: Callable[[], list[int]]
    ) -> None:
        self._pool = pool
        self._work = work
        self._due = due
        self._running: dict[Future[bool], int] = {}
        self._worked = False
        self._failure: BaseException | None = None

    def run(self, first: list[int]) -> bool:
        """Until everyone has had one portion, and nobody is left whom the others would have to wait for."""
        owed = set(first)
        self._begin(first)
        while owed:
            owed -= self._ended(GLANCE)
            if owed and self._may_go_on():
                busy = set(self._running.values())
                free = [portal_id for portal_id in self._due() if portal_id not in busy]
                self._begin(free[: max(0, AT_ONCE - len(busy))])
            elif not owed and self._running:
                self._ended(SLOW)
                owed = set(self._running.values())
        if self._failure is not None:
            raise self._failure
        return self._worked

    def _may_go_on(self) -> bool:
        return self._failure is None and not giving_way.get()()

    def _begin(self, portals: list[int]) -> None:
        for portal_id in portals:
            self._running[self._pool.submit(copy_context().run, self._work, portal_id)] = portal_id

    def _ended(self, seconds: float) -> set[int]:
        """The portals whose portions ended, at the latest after so many seconds."""
        done, _ = wait(self._running, seconds)
        for one in done:
            failure = one.exception()
            self._failure = self._failure or failure
            self._worked = self._worked or (failure is None and one.result())
        return {self._running.pop(one) for one in done}
