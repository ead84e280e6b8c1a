"""A load of deal events over keep-alive connections: `python -m benchmarks.intake_load PORT SECONDS`.

A process of its own, with nothing between it and the sockets; it prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urlencode

CONNECTIONS = 16
DEALS = 20_000
MEMBER, TOKEN = "d8971d1c4bf1f2a8a9a9c6a7e1d23f40", "51856fefc120afa4b628cc82d3935cce"


HEAD = {
    "User-Agent": "Bitrix24 Webhook Engine",
    "Content-Type": "application/x-www-form-urlencoded",
}


def fields_of(deal: int, member: str = MEMBER, token: str = TOKEN) -> bytes:
    """The body of an event as the portal's queue server makes it (bitrix24.md 6.2)."""
    fields = {
        "event": "ONCRMDEALUPDATE", "event_handler_id": "185", "data[FIELDS][ID]": deal, "ts": "1766047124",
        "auth[access_token]": "s6p6eclrvim6da22ft9ch94ekreb52lv", "auth[expires]": "1766050724",
        "auth[expires_in]": "3600", "auth[scope]": "crm", "auth[domain]": "agency.bitrix24.example",
        "auth[server_endpoint]": "https://oauth.bitrix24.tech/rest/", "auth[status]": "L",
        "auth[client_endpoint]": "https://agency.bitrix24.example/rest/", "auth[member_id]": member,
        "auth[user_id]": "1", "auth[application_token]": token,
    }  # fmt: skip
    return urlencode(fields).encode()


def event(deal: int) -> bytes:
    """One whole request."""
    body = fields_of(deal)
    told = "".join(f"{name}: {value}\r\n" for name, value in HEAD.items())
    head = (
        f"POST /bitrix/events HTTP/1.1\r\nHost: 127.0.0.1\r\n{told}"
        f"Content-Length: {len(body)}\r\nConnection: keep-alive\r\n\r\n"
    )
    return head.encode() + body


@dataclass
class Load:
    """What came back. ``waits`` are seconds from request to answer."""

    port: int
    bodies: list[bytes]
    until: float
    statuses: dict[str, int] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)

    async def connection(self, number: int) -> None:
        """One after the other, for as long as it lasts; a connection that ends is opened again."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while time.perf_counter() < self.until:
            sent = time.perf_counter()
            writer.write(self.bodies[number % len(self.bodies)])
            status, closing = await _answer(reader)
            self.waits.append(time.perf_counter() - sent)
            self.statuses[status] = self.statuses.get(status, 0) + 1
            number += CONNECTIONS
            if closing:
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[str, bool]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status = head.split(" ", 2)[1]
    length = int(head.split("content-length:", 1)[1].split("\r\n", 1)[0])
    await reader.readexactly(length)
    return status, "connection: close" in head


async def run(port: int, seconds: float) -> Load:
    """All connections at once."""
    random = Random()  # not the same deals in every run: cards are many, events of one card few
    bodies = [event(random.randint(1, DEALS)) for _ in range(4_000)]
    load = Load(port, bodies, time.perf_counter() + seconds)
    await asyncio.wait_for(
        asyncio.gather(*(load.connection(number) for number in range(CONNECTIONS))), timeout=seconds + 60
    )
    return load


def main(port: int, seconds: float) -> None:
    """Print what happened."""
    load = asyncio.run(run(port, seconds))
    waits = sorted(load.waits)
    told = {
        "seconds": time.perf_counter() - load.until + seconds,
        "statuses": load.statuses,
        "median": waits[len(waits) // 2],
        "p99": waits[len(waits) * 99 // 100],
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
