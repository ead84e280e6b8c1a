"""The mail server of the demo: takes every letter, keeps it as one line of JSON, may be told to fail.

A process of its own (``python -m integration.demo.mailroom``), so that it can be stopped and killed as a
real one. Faults stand in the file ``switch.json`` of its folder: ``{"mode": "refuse", "count": 3}``; modes
``ok``, ``refuse`` (550 to the recipient), ``temporary`` (451 to the data), ``drop`` (the letter is kept,
the connection breaks before the answer), ``silent`` (the connection breaks before the letter is kept);
``count`` -1 means for ever.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import compat32
from email.policy import default as default_policy
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

LETTERS = "letters.jsonl"
SWITCH = "switch.json"
#: Headers the people look at.
KEPT = (
    "From", "Reply-To", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post",
    "Auto-Submitted",
)  # fmt: skip


@dataclass
class Mailroom:
    """Takes letters for the folder."""

    folder: Path
    offset_file: Path | None = None
    taken: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        path = self.folder / LETTERS
        if path.exists():
            self.taken = len(path.read_text(encoding="utf-8").splitlines())

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._fault("refuse"):
            return "550 5.1.1 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self._fault("temporary"):
            return "451 4.3.0 Try again later"
        if self._fault("silent"):
            _hang_up(server)
            return "421 4.3.0 Closing"
        self._keep(envelope)
        if self._fault("drop"):
            _hang_up(server)
        return "250 2.0.0 Taken"

    def _keep(self, envelope: Envelope) -> None:
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        row = {"n": self.taken + 1, "at": self._now(), "from": envelope.mail_from, "to": envelope.rcpt_tos}
        row |= read_message(raw)
        with open(self.folder / LETTERS, "a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.taken += 1

    def _now(self) -> float:
        try:
            offset = float(self.offset_file.read_text(encoding="ascii") or 0) if self.offset_file else 0.0
        except (OSError, ValueError):
            offset = 0.0
        return time.time() + offset

    def _fault(self, mode: str) -> bool:
        path = self.folder / SWITCH
        try:
            switch = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        if switch.get("mode") != mode or switch.get("count", -1) == 0:
            return False
        if switch.get("count", -1) > 0:
            write_switch(self.folder, mode, switch["count"] - 1)
        return True


def _hang_up(server: SMTP) -> None:
    transport = server.transport
    if isinstance(transport, asyncio.Transport):
        transport.abort()


def write_switch(folder: Path, mode: str, count: int = -1) -> None:
    """Tells the mail server of this folder to fail; ``ok`` ends it."""
    path = folder / SWITCH
    partial = path.with_suffix(".new")
    partial.write_text(json.dumps({"mode": mode, "count": count}), encoding="utf-8")
    os.replace(partial, path)


def read_message(raw: bytes) -> dict[str, Any]:
    """Headers, text and HTML of a letter as a reader's mail program shows them."""
    message = message_from_bytes(raw, policy=default_policy)
    if not isinstance(message, EmailMessage):  # the default policy makes nothing else
        raise TypeError(type(message).__name__)
    heads = message_from_bytes(raw, policy=compat32)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    return {
        "headers": {name: _head(str(value)) for name, value in heads.items() if name in KEPT},
        "text": text.get_content() if text is not None else "",
        "html": html.get_content() if html is not None else "",
        "bytes": len(raw),
    }


def _head(value: str) -> str:
    """A header as RFC 2047 says; the library's newer reader adds blanks between the parts of a long name."""
    return str(make_header(decode_header(" ".join(value.split()))))


async def serve(room: Mailroom, port: int) -> None:
    """Listens on loopback until SIGTERM; prints one line of JSON when ready."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(room, enable_SMTPUTF8=True), "127.0.0.1", port)
    number = server.sockets[0].getsockname()[1]
    print(json.dumps({"ready": True, "port": number, "pid": os.getpid()}), flush=True)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with server:
        await stop.wait()


def main(arguments: list[str] | None = None) -> int:
    """``python -m integration.demo.mailroom --folder DIR [--port N] [--clock-file FILE]``."""
    parser = argparse.ArgumentParser(prog="mailroom")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--clock-file", type=Path)
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(Mailroom(given.folder, given.clock_file), given.port))
    return 0


if __name__ == "__main__":
    sys.exit(main())
