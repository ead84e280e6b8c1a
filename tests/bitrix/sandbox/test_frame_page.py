"""The portal's page that opens an application in a frame, in a real browser, with the sandbox's BX24."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from integration.bitrix.sandbox.server import Sandbox
from tests.bitrix.sandbox.conftest import CLIENT_ID, Receiver, register

_PAGE = """<!doctype html><title>app</title><p id="who">…</p>
<script src="{script}"></script>
<script>
BX24.init(function () {{
  BX24.callMethod('profile', {{}}, function (answer) {{
    document.getElementById('who').textContent = answer.data().NAME + ' ' + BX24.getLang();
    {finish}
  }});
}});
</script>"""


@pytest.mark.browser
def test_the_installer_finishes_from_its_frame(box: Sandbox, receiver: Receiver, browser: Browser) -> None:
    """The installer's page calls a method and installFinish; the portal then shows the application."""
    register(box, install_url=receiver.url("/install"), app_url=receiver.url("/app"), title="Molva")
    box.portal.state.apps[CLIENT_ID].state = "added"
    box.portal.state.apps[CLIENT_ID].installed_by = 1
    script = f"{box.portal_url}/bx24.js"
    receiver.page = _PAGE.format(
        script=script, finish="if (location.pathname === '/install') BX24.installFinish();"
    )
    with browser.new_page() as page:
        page.goto(f"{box.portal_url}/frame/{CLIENT_ID}?user=1&lang=en")
        expect(page.frame_locator("iframe").locator("#who")).to_have_text("Anna en", timeout=20_000)
        for _ in range(100):
            if receiver.on("/app"):
                break
            page.wait_for_timeout(100)
    assert box.portal.state.apps[CLIENT_ID].state == "installed"
    assert receiver.on("/install")[0]["AUTH_ID"]
    assert receiver.on("/app")[0]["PLACEMENT"] == "DEFAULT"
