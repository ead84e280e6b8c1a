"""The two other clients of Bitrix24 doing Molva's work: reading all deals, writing scores to many."""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from b24pysdk.credentials import BitrixWebhook
from fast_bitrix24 import BitrixAsync

from benchmarks.portal import PortalProcess
from benchmarks.virtual import Sleepers, b24pysdk_time, fast_bitrix24_time

LIST, UPDATE = "crm.item.list", "crm.item.update"
DEALS = {"entityTypeId": 2, "useOriginalUfNames": "Y"}


@dataclass(frozen=True)
class Done:
    """How far a client came: rows read or calls answered well, and what stopped it, if anything did."""

    count: int
    stopped: str = ""


def _words(error: BaseException) -> str:
    cause = error.__cause__ or getattr(error, "original_error", None)
    inner = f" ({type(cause).__name__})" if cause is not None else ""
    return f"{type(error).__name__}{inner}"


# --- fast-bitrix24


def _fast(there: PortalProcess, batch: int, work: Callable[[BitrixAsync], Awaitable[int]]) -> Done:
    url = f"{there.url}/rest/{there.webhook()}/"
    sleepers = Sleepers(there.clock)

    async def run() -> int:
        async with sleepers.session() as session:
            return await work(BitrixAsync(url, verbose=False, batch_size=batch, client=session))

    for name in ("fast_bitrix24", "asyncio"):  # what fails is counted, not printed
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with fast_bitrix24_time(sleepers), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return Done(asyncio.run(run()))
        except Exception as error:  # whatever stops another client is what is to be shown
            return Done(0, _words(error))


def fast_list(there: PortalProcess, select: Sequence[str], batch: int = 50) -> Done:
    """``get_all`` over all deals."""

    async def work(client: BitrixAsync) -> int:
        return len(await client.get_all(LIST, {**DEALS, "select": list(select)}))

    return _fast(there, batch, work)


def fast_update(there: PortalProcess, updates: Sequence[dict[str, Any]], batch: int = 50) -> Done:
    """``call`` with one item for each update."""

    async def work(client: BitrixAsync) -> int:
        return len(await client.call(UPDATE, [dict(one) for one in updates]))

    return _fast(there, batch, work)


# --- b24pysdk


def _sdk(there: PortalProcess, work: Callable[[BitrixWebhook], int]) -> Done:
    hook = BitrixWebhook(domain=there.tls, webhook_token=there.webhook())
    with b24pysdk_time(there.clock, there.authority):
        try:
            return Done(work(hook))
        except Exception as error:  # as above
            return Done(0, _words(error))


def sdk_list(there: PortalProcess, select: Sequence[str]) -> Done:
    """``call_list_fast`` over all deals."""
    params = {**DEALS, "select": list(select)}
    return _sdk(there, lambda hook: sum(1 for _ in hook.call_list_fast(LIST, params)["result"]))


def sdk_update(there: PortalProcess, updates: Sequence[dict[str, Any]], batch: int = 50) -> Done:
    """``call_batches`` with all updates; with a smaller ``batch`` one ``call_batch`` after the other."""

    def work(hook: BitrixWebhook) -> int:
        if batch == 50:
            return len(hook.call_batches([(UPDATE, one) for one in updates])["result"]["result"])
        done = 0
        for part in _parts(updates, batch):
            answer = hook.call_batch([(UPDATE, one) for one in part])
            done += len(answer["result"]["result"])
        return done

    return _sdk(there, work)


def _parts(updates: Sequence[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    rest = iter(updates)
    while part := list(islice(rest, size)):
        yield part
