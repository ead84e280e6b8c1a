"""What a mail server's final "no" is about: the address, the letter, or whoever hands it in (product.md W14).

Many servers look at the sender and at the right to send only when they hear the recipient's address, so that their "no"
to `RCPT` says nothing about it: one mailbox that is set up wrongly must not make everybody unreachable.
"""

from __future__ import annotations

import re
from typing import Literal

Fault = Literal["address", "letter", "way"]

_STATUS = re.compile(r"(?<![\d.])5\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
# RFC 3463: 5.1.7 and 5.1.8 are about the sender's address, 5.7.0, 5.7.8 and 5.7.9 about the login.
_OF_THE_WAY = frozenset({(1, 7), (1, 8), (7, 0), (7, 8), (7, 9)})
_NOT_THE_ADDRESS = frozenset({3, 5, 6, 7})  # the system, the protocol, the content, the rules
_FULL = (2, 2)
_NOBODY = re.compile(
    r"no such|unknown (?:user|recipient|mailbox|local)|(?:user|recipient|mailbox) (?:is )?unknown|not exist|not found|"
    r"invalid (?:mailbox|recipient|user)|disabled|inactive|no mailbox", re.I,
)  # fmt: skip
_WAY = re.compile(
    r"relay|\bsender (?:address|verif|reject|denied|not|domain)|verif\w* (?:failed )?for|rcpthosts|"
    r"authenticat|log ?in\b|not owned by|client host|helo", re.I,
)  # fmt: skip


def fault(words: str) -> Fault:
    """What a 5xx reply, or a notice of one, is about. `words`: all that the server said, with its status if any.

    `way`: the sender's address, the login, the right to hand letters in; `letter`: this letter or the rules of the
    other side, also a full mailbox; `address`: nobody reads there, which is taken to be so where nothing else is said.
    """
    found = _STATUS.search(words)
    status = (int(found.group(1)), int(found.group(2))) if found else None
    if status in _OF_THE_WAY:
        return "way"
    if _NOBODY.search(words):  # some say 5.7.1 to an address that nobody has
        return "address"
    if status is not None and status[0] not in _NOT_THE_ADDRESS:
        return "letter" if status == _FULL else "address"
    if _WAY.search(words):
        return "way"
    return "address" if status is None else "letter"
