"""A load of answer pages over keep-alive connections: `python -m benchmarks.answers_load PORT KIND FIRST LAST SECONDS`.

KIND `get` opens pages of people chosen by chance, `post` sends one answer for each person from FIRST on, as a browser's
form does. A process of its own, with nothing between it and the sockets; it prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urlencode

from benchmarks.advancing_rows import token
from benchmarks.answers_rows import proof
from benchmarks.intake_load import CONNECTIONS, _answer

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def opened(n: int) -> bytes:
    """A page is opened by the button of a letter."""
    return (
        f"GET /s/{token(n)}?score=9 HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {AGENT}\r\n"
        "Accept-Language: ru\r\nConnection: keep-alive\r\n\r\n"
    ).encode()


def sent(n: int) -> bytes:
    """An answer is sent, with the one-time value that the page's script has fetched."""
    form = {
        "score": str(n % 11), "comment": f"Words of person {n} about what is good and what is not.", "lang": "ru",
        "proof": proof(n), "nonce": "",
    }  # fmt: skip
    body = urlencode(form)
    return (
        f"POST /s/{token(n)} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {AGENT}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
        f"Connection: keep-alive\r\n\r\n{body}"
    ).encode()


@dataclass
class Load:
    """What came back. ``waits`` are seconds from request to answer; ``next``: who sends an answer next."""

    port: int
    kind: str
    next: int
    last: int
    until: float
    statuses: dict[str, int] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)
    random: Random = field(default_factory=Random)

    async def connection(self) -> None:
        """One after the other, for as long as it lasts; a connection that ends is opened again."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while time.perf_counter() < self.until and self.next <= self.last:
            began = time.perf_counter()
            writer.write(self._request())
            status, closing = await _answer(reader)
            self.waits.append(time.perf_counter() - began)
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if closing:
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.close()

    def _request(self) -> bytes:
        if self.kind == "get":
            return opened(self.random.randint(1, self.last))
        self.next += 1
        return sent(self.next - 1)


async def run(port: int, kind: str, first: int, last: int, seconds: float) -> Load:
    """All connections at once."""
    load = Load(port, kind, first, last, time.perf_counter() + seconds)
    await asyncio.wait_for(
        asyncio.gather(*(load.connection() for _ in range(CONNECTIONS))), timeout=seconds + 60
    )
    return load


def main(port: int, kind: str, first: int, last: int, seconds: float) -> None:
    """Print what happened."""
    load = asyncio.run(run(port, kind, first, last, seconds))
    waits = sorted(load.waits)
    told = {
        "seconds": time.perf_counter() - load.until + seconds, "statuses": load.statuses, "next": load.next,
        "median": waits[len(waits) // 2], "p99": waits[len(waits) * 99 // 100],
    }  # fmt: skip
    print(json.dumps(told))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
