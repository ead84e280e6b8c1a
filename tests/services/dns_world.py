"""A DNS as a value: records by name, domains that are silent; everything of the agency's own domain is in order."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

AGENCY = "agency.example.com"
SERVER = "smtp.agency.example.com"


def rsa_key(bits: int) -> str:
    """A public key of so many bits as it stands in the DNS; nobody has its private half."""
    numbers = RSAPublicNumbers(65537, (1 << (bits - 1)) + 1)
    der = numbers.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


KEY = rsa_key(2048)


def in_order() -> dict[str, list[str]]:
    """TXT records of a domain that lacks nothing."""
    return {
        AGENCY: ["v=spf1 ip4:93.184.216.34 -all"], f"_dmarc.{AGENCY}": ["v=DMARC1; p=quarantine"],
        f"mail._domainkey.{AGENCY}": [f"v=DKIM1; k=rsa; p={KEY}"],
    }  # fmt: skip


@dataclass
class Zone:
    """The DNS of a test; `asked` counts its questions."""

    records: dict[str, list[str]] = field(default_factory=in_order)
    hosts: dict[str, list[str]] = field(default_factory=lambda: {SERVER: ["93.184.216.34"]})
    mail: dict[str, list[str]] = field(default_factory=lambda: {AGENCY: [SERVER]})
    silent: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def _answer(self, table: dict[str, list[str]], name: str) -> list[str] | None:
        self.asked.append(name)
        return None if any(name.endswith(end) for end in self.silent) else list(table.get(name, []))

    def texts(self, name: str) -> list[str] | None:
        return self._answer(self.records, name)

    def addresses(self, name: str) -> list[str] | None:
        return self._answer(self.hosts, name)

    def exchanges(self, domain: str) -> list[str] | None:
        return self._answer(self.mail, domain)

    def takes_mail(self, domain: str) -> bool | None:
        found = self._answer(self.mail, domain)
        return None if found is None else bool(found)
