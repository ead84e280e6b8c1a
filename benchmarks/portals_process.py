"""Several portals in one process: `python -m benchmarks.portals_process DEALS…`, a portal for each number of deals.

The first line on standard output tells where they are; each line on standard input is answered with what their
limits saw, one map a portal; `reset` forgets it first and empties their buckets.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from integration.bitrix.sandbox.agency import bulk_deals
from integration.bitrix.sandbox.clock import VirtualClock
from integration.bitrix.sandbox.server import Sandbox, start


def seen(box: Sandbox) -> dict[str, Any]:
    """Requests by status, and the highest level of the bucket."""
    with box.portal.state.lock:
        return {**box.portal.journal.counters(), "bucket_peak": box.portal.buckets.peak}


def reset(box: Sandbox) -> None:
    """As if nobody had asked anything yet; the data stays."""
    with box.portal.state.lock:
        box.portal.buckets.levels.clear()
        box.portal.buckets.peak = 0.0
        box.portal.journal.reset()
        box.portal.queue.waiting.clear()


def serve(sizes: list[int]) -> None:
    """Until standard input ends."""
    clock = VirtualClock()
    boxes = [start(bulk_deals(deals, max(1, deals // 10)), clock) for deals in sizes]
    for box in boxes:
        box.control("/settings", {"events": {"paused": True}}, "PUT")
    print(json.dumps([box.ready() for box in boxes]), flush=True)
    for line in sys.stdin:
        if line.strip() == "reset":
            for box in boxes:
                reset(box)
        print(json.dumps([seen(box) for box in boxes]), flush=True)
    for box in boxes:
        box.close()


if __name__ == "__main__":
    serve([int(text) for text in sys.argv[1:]])
