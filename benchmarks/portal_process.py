"""The portal of the benchmarks: a sandbox as a process of its own, by http and by https at once, that also
tells what its limits saw. It is asked by lines on standard input and answers by lines of JSON.
"""

from __future__ import annotations

import json
import ssl
import sys
import threading
from pathlib import Path
from typing import Any

import trustme

from integration.bitrix.sandbox.agency import bulk_deals
from integration.bitrix.sandbox.clock import VirtualClock
from integration.bitrix.sandbox.httpd import Server
from integration.bitrix.sandbox.limits import Budget
from integration.bitrix.sandbox.portal import Portal
from integration.bitrix.sandbox.server import Sandbox, start
from integration.bitrix.sandbox.settings import Operating
from integration.bitrix.sandbox.web import create_sandbox


class WatchedBudget(Budget):
    """Counts refusals, also those inside batches, and remembers every charge as (moment, method, seconds)."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self.refused = 0
        self.charges: list[tuple[float, str, float]] = []

    def blocked(self, caller: str, method: str, settings: Operating) -> bool:
        """As the sandbox decides; refusals are counted."""
        said_no = super().blocked(caller, method, settings)
        self.refused += said_no
        return said_no

    def add(self, caller: str, method: str, seconds: float) -> None:
        """As the sandbox charges; and remembered."""
        super().add(caller, method, seconds)
        self.charges.append((self.clock.time(), method, seconds))


def reset(portal: Portal, budget: WatchedBudget) -> None:
    """As if nobody had asked anything yet; the data stays."""
    with portal.state.lock:
        portal.buckets.levels.clear()
        portal.buckets.peak = budget.peak = 0.0
        budget.spent.clear()
        budget.charges.clear()
        budget.refused = 0
        portal.journal.reset()
        portal.journal.rows.clear()
        portal.state.random.seed(1)
        portal.queue.waiting.clear()


def seen(portal: Portal, budget: WatchedBudget) -> dict[str, Any]:
    """What was asked and charged since the last reset."""
    with portal.state.lock:
        rows = [[row["at"], row["status"], len(row["inner"]) or 1] for row in portal.journal.rows]
        return {
            **portal.journal.counters(),
            "refused": budget.refused,
            "bucket_peak": portal.buckets.peak,
            "operating_peak": budget.peak,
            "requests": rows,
            "charges": list(budget.charges),
        }


def serve(folder: Path, deals: int, companies: int) -> None:
    """Until standard input ends."""
    clock = VirtualClock(folder / "clock")
    box = start(bulk_deals(deals, companies), clock)
    budget = WatchedBudget(clock)
    box.portal.budget = budget
    tls = _tls(box, folder)
    told = {"portal": box.portal_url, "tls": f"127.0.0.1:{tls.port}", "token": box.control_token}
    print(json.dumps(told), flush=True)
    for line in sys.stdin:
        if line.strip() == "reset":
            reset(box.portal, budget)
        print(json.dumps(seen(box.portal, budget)), flush=True)
    tls.shutdown()
    tls.server_close()
    box.close()


def _tls(box: Sandbox, folder: Path) -> Server:
    """The same portal behind https, under an authority whose certificate lies in the folder."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    server = Server("127.0.0.1", 0, create_sandbox(box.portal, box.control_token, box.ready), context)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
