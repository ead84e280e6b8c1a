"""Nothing secret and nobody's personal link reaches a log line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.logs import clean, redact

SECRET = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789", min_size=8, max_size=40)


@pytest.mark.parametrize(
    "text",
    [
        "POST https://p.example/rest/crm.item.get?auth={}&id=1",
        "auth[access_token]={}&ts=1",
        "auth%5Brefresh_token%5D={}&ts=1",
        "GET /oauth/token/?grant_type=refresh_token&client_secret={}&refresh_token={}",
        "https://p.example/rest/1/{}/crm.item.list",
        "GET /s/{} 200",
        "POST /u/{} 200",
        "smtp://user:{}@mail.example:587",
    ],
)
@given(secret=SECRET)
def test_a_secret_in_a_text_is_masked_wherever_it_usually_stands(text: str, secret: str) -> None:
    assert secret not in clean(text.format(secret, secret)).replace("access_token", "").replace(
        "refresh_token", ""
    )


@given(
    secret=SECRET,
    name=st.sampled_from(["access_token", "client_secret", "Authorization", "AUTH_ID", "api_key"]),
)
def test_a_value_with_a_secret_name_is_masked_at_any_depth(secret: str, name: str) -> None:
    event = redact(None, "info", {"event": "x", "payload": {"list": [{name: secret}]}, name: secret})
    assert event[name] == "***"
    assert event["payload"]["list"][0][name] == "***"


def test_an_ordinary_line_stays_as_it_is() -> None:
    event = {"event": "letters.sent", "portal": 3, "count": 12, "token_expired": True, "path": "/settings"}
    assert redact(None, "info", dict(event)) == event
