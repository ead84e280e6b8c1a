"""A local SMTP server in a process of its own; counts the letters it takes by their Message-ID.

`python -m benchmarks.sending_server` prints its port and then answers each line on its standard input with how many
letters it has taken, how many of them twice, and over how many connections, as JSON.
"""

from __future__ import annotations

import json
import re
import socket
import sys
from collections import Counter
from typing import Any

from aiosmtpd.controller import Controller

_ID = re.compile(rb"(?mi)^message-id:\s*(\S+)")


class Counting:
    """Takes every letter and keeps its id only."""

    def __init__(self) -> None:
        self.taken: Counter[bytes] = Counter()
        self.bytes = 0
        self.connections = 0

    async def handle_EHLO(
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        """A connection says hello."""
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """A letter."""
        found = _ID.search(envelope.content)
        self.taken[found[1] if found else b""] += 1
        self.bytes += len(envelope.content)
        return "250 taken"


def main() -> None:
    """Serve until the input ends."""
    handler = Counting()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    print(json.dumps({"port": port}), flush=True)
    for _ in sys.stdin:
        twice = sum(count - 1 for count in handler.taken.values())
        told = {"letters": sum(handler.taken.values()), "twice": twice, "connections": handler.connections}
        print(json.dumps({**told, "bytes": handler.bytes}), flush=True)
    controller.stop()


if __name__ == "__main__":
    main()
