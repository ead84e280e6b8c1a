"""The mail room's pages: every letter as the client who got it sees it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from flask import Blueprint, Response, abort, render_template, request

from .letters import Letter, Mailbox, name_of

PER_PAGE = 30
#: A letter runs nothing, loads nothing but inlined pictures, and opens its links in tabs of their own.
LETTER_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
_TARGET = '<base target="_blank">'


@dataclass
class Shelf:
    """All letters of the folder, read as they come."""

    folder: Path
    _box: Mailbox = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._box = Mailbox(self.folder)

    def letters(self) -> list[Letter]:
        """Newest first."""
        with self._lock:
            self._box.fetch()
            return self._box.letters[::-1]


@dataclass(frozen=True)
class Owner:
    """A mailbox: its address, how its owner is called, how many letters lie in it."""

    address: str
    name: str
    count: int


def owners(letters: list[Letter]) -> list[Owner]:
    """Every mailbox by its owner's name."""
    found: dict[str, tuple[str, int]] = {}
    for letter in letters:
        name, count = found.get(letter.recipient, (name_of(letter), 0))
        found[letter.recipient] = (name, count + 1)
    rows = [Owner(address, name, count) for address, (name, count) in found.items()]
    return sorted(rows, key=lambda owner: (owner.name.casefold(), owner.address))


def matches(letter: Letter, query: str) -> bool:
    """Whether every word of the query stands in the letter's head or text."""
    heads = " ".join(letter.headers.values())
    text = f"{letter.recipient} {heads} {letter.text}".casefold()
    return all(word in text for word in query.casefold().split())


def framed(html: str) -> str:
    """The letter's HTML with its links opening in new tabs."""
    head = html.lower().find("<head>")
    return html[: head + 6] + _TARGET + html[head + 6 :] if head >= 0 else _TARGET + html


def mail_pages(folder: Path, public_url: str) -> Blueprint:
    """``/mail``, ``/mail/<n>``, ``/mail/<n>/body``."""
    pages, shelf = Blueprint("mail", __name__), Shelf(folder)

    def one(number: int) -> Letter:
        found = next((letter for letter in shelf.letters() if letter.number == number), None)
        if found is None:
            abort(404)
        return found

    @pages.get("/mail")
    def room() -> str:
        everything = shelf.letters()
        box, query = request.args.get("box", ""), request.args.get("q", "").strip()
        chosen = [row for row in everything if (not box or row.recipient == box) and matches(row, query)]
        last = max(1, -(-len(chosen) // PER_PAGE))
        page = min(max(1, request.args.get("page", 1, int)), last)
        return render_template(
            "demo/mail.html", owners=owners(everything), letters=chosen[(page - 1) * PER_PAGE : page * PER_PAGE],
            total=len(everything), found=len(chosen), box=box, query=query, page=page, last=last, name_of=name_of,
        )  # fmt: skip

    @pages.get("/mail/<int:number>")
    def letter(number: int) -> str:
        found = one(number)
        others = [row for row in shelf.letters() if row.recipient == found.recipient]
        answer = next((link for link in found.links if link.startswith(f"{public_url}/s/")), "").split("?")[0]
        return render_template(
            "demo/letter.html", letter=found, others=others, name_of=name_of, answer=answer
        )

    @pages.get("/mail/<int:number>/body")
    def body(number: int) -> Response:
        response = Response(framed(one(number).html), mimetype="text/html")
        response.headers["Content-Security-Policy"] = LETTER_POLICY
        return response

    return pages
