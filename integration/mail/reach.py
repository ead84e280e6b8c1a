"""Where a mail server that a portal's administrator names may be: nowhere inside the operator's own network.

The name is resolved, every address it has is looked at, and the connection goes to one of those and to no other: a name
whose address changes between the look and the connection leads nowhere else.
"""

from __future__ import annotations

import ipaddress
import socket

from integration.mail.outgoing import MailLater
from integration.mail.smtp import SmtpMailer, SmtpServer

PORTS = frozenset({25, 465, 587, 2525})  # on which mail servers take letters
TIMEOUT = 15.0  # seconds; a person waits for the check
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # leads to the address in its last four bytes


class CheckedMailers:
    """Mailers for servers that administrators of portals name.

    `allow_private`: the operator trusts them with the own network (MOLVA_ALLOW_HTTP_PORTALS, tests and the sandbox);
    then any port and any address will do.
    """

    def __init__(self, *, allow_private: bool, timeout: float = TIMEOUT) -> None:
        self._allow_private, self._timeout = allow_private, timeout

    def __call__(self, url: str) -> SmtpMailer:
        """A mailer for this address; raises `ValueError` for one that cannot be read."""
        server = SmtpServer.parse(url)
        return SmtpMailer(
            server, timeout=self._timeout, reach=None if self._allow_private else public_addresses
        )


def public_addresses(host: str, port: int) -> list[str]:
    """The addresses of a mail server in the public network, in the order to try them.

    Raises `MailLater`: `connection port_forbidden`, `connection host_unknown`, `connection host_forbidden`.
    """
    if port not in PORTS:
        raise MailLater("connection", "port_forbidden")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise MailLater("connection", "host_unknown") from error
    addresses = [str(place[0]) for *_, place in found]
    if not addresses or not all(is_public(address) for address in addresses):
        raise MailLater("connection", "host_forbidden")
    return list(dict.fromkeys(addresses))


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public network, also behind the notations that carry another one."""
    try:
        one = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(one, ipaddress.IPv6Address):
        inner = one.ipv4_mapped or one.sixtofour or (one.teredo[1] if one.teredo else None)
        if one in _NAT64:
            inner = ipaddress.IPv4Address(int(one) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return one.is_global and not one.is_multicast
