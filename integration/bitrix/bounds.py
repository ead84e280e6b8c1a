"""How long one request to a portal or to the authorisation server can take at most. Seconds, by a real clock."""

from __future__ import annotations

CONNECT_SECONDS = 5.0  # to connect, to agree on keys, to send: each
READ_SECONDS = 65.0  # silence before and within an answer; a portal ends a request after 60 (bitrix24.md 5.2)
REST_SECONDS = 20.0  # what an answer that began at the last moment may take to arrive
# All of it: two addresses tried, the keys, sending, and the answer to its last byte.
EXCHANGE_SECONDS = 4 * CONNECT_SECONDS + READ_SECONDS + REST_SECONDS
