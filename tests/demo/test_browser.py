"""A person at a browser tries again when the page does not come, or comes in half."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
import requests

from integration.demo.browser import patiently

CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nhalf"
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nwhole"


@pytest.fixture
def dying_server() -> Iterator[str]:
    """Hangs up without a word first, then amid the answer, then answers."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for answer in (b"", CUT, WHOLE):
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    thread.join(60)
    listener.close()


def test_an_answer_cut_off_by_a_sudden_death_is_asked_for_again(dying_server: str) -> None:
    assert patiently(lambda: requests.get(dying_server, timeout=60)).text == "whole"
