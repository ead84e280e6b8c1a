"""Other clients on the portal's virtual time: what they sleep, the portal's clock is moved by.

`b24pysdk` sleeps in its thread; `fast-bitrix24` has many coroutines asleep at once, for which time jumps to the
first that is due, and only while no request is under way, as if the others had gone on meanwhile.
"""

from __future__ import annotations

import asyncio
import heapq
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import aiohttp
import b24pysdk.api.requesters._base_requester as sdk_requester
import fast_bitrix24.srh as fast_handler
import fast_bitrix24.throttle as fast_throttle

from integration.bitrix.sandbox.clock import VirtualClock

_sleep = asyncio.sleep
_LOOK = 0.002  # real seconds between looks of a sleeping coroutine


class Sleepers:
    """Coroutines that wait for moments of virtual time."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.under_way = 0
        self._due: list[float] = []

    async def sleep(self, seconds: float, result: Any = None) -> Any:
        """In the place of ``asyncio.sleep``."""
        if seconds <= 0:
            return await _sleep(0, result)
        due = self.clock.time() + seconds
        heapq.heappush(self._due, due)
        try:
            while (left := due - self.clock.time()) > 0:
                await _sleep(min(left, _LOOK))
                if not self.under_way and self._due[0] == due:
                    self.clock.advance(max(due - self.clock.time(), 0.0))
        finally:
            self._due.remove(due)
            heapq.heapify(self._due)
        return result

    def session(self) -> aiohttp.ClientSession:
        """A session of aiohttp that tells when requests are under way."""
        trace = aiohttp.TraceConfig()

        async def begun(*_: Any) -> None:
            self.under_way += 1

        async def over(*_: Any) -> None:
            self.under_way -= 1

        trace.on_request_start.append(begun)
        trace.on_request_end.append(over)
        trace.on_request_exception.append(over)
        return aiohttp.ClientSession(raise_for_status=True, trace_configs=[trace])


@contextmanager
def fast_bitrix24_time(sleepers: Sleepers) -> Iterator[None]:
    """`fast_bitrix24` reads and passes virtual time."""
    clock = SimpleNamespace(monotonic=sleepers.clock.time)
    loop = SimpleNamespace(sleep=sleepers.sleep)
    with (
        patch.object(fast_throttle, "time", clock),
        patch.object(fast_throttle, "asyncio", loop),
        patch.object(fast_handler, "sleep", sleepers.sleep),
    ):
        yield


@contextmanager
def b24pysdk_time(clock: VirtualClock, authority: Path) -> Iterator[None]:
    """`b24pysdk` passes virtual time and trusts the portal's certificate."""
    sleeping = SimpleNamespace(sleep=clock.advance)
    with (
        patch.object(sdk_requester, "time", sleeping),
        patch.dict(os.environ, {"REQUESTS_CA_BUNDLE": str(authority)}),
    ):
        yield
