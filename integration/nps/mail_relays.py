"""Mail providers whose letters leave by other servers than the one they are handed to (product.md W4)."""

from __future__ import annotations

from collections.abc import Mapping

# The end of that server's name, and the include that the provider's customers publish. Without it a record that is
# right would look wrong.
RELAYS: Mapping[str, tuple[str, ...]] = {
    "gmail.com": ("_spf.google.com",), "google.com": ("_spf.google.com",), "googlemail.com": ("_spf.google.com",),
    "yandex.ru": ("_spf.yandex.net", "_spf.yandex.ru"), "yandex.com": ("_spf.yandex.net", "_spf.yandex.ru"),
    "yandex.net": ("_spf.yandex.net", "_spf.yandex.ru"), "mail.ru": ("_spf.mail.ru",), "ukr.net": ("_spf.ukr.net",),
    "office365.com": ("spf.protection.outlook.com",), "outlook.com": ("spf.protection.outlook.com",),
    "zoho.com": ("zoho.com", "zohomail.com"), "zoho.eu": ("zoho.eu", "zohomail.eu"), "sendgrid.net": ("sendgrid.net",),
    "mailgun.org": ("mailgun.org",), "amazonaws.com": ("amazonses.com",), "mailjet.com": ("spf.mailjet.com",),
    "sendpulse.com": ("mxsmtp.sendpulse.com",), "postmarkapp.com": ("spf.mtasv.net",), "icloud.com": ("icloud.com",),
    "unisender.com": ("spf.unisender.com",), "beget.com": ("beget.com",),
}  # fmt: skip


def relays_of(server: str) -> tuple[str, ...]:
    """The includes by which customers of a known provider allow its servers; none for any other host."""
    host = server.strip().rstrip(".").lower()
    return next((names for end, names in RELAYS.items() if host == end or host.endswith(f".{end}")), ())
