"""In the card, two clicks name whoever recommended the client: search, choose; on a phone, and without script (R3)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from integration.bitrix.sandbox.server import Sandbox, running
from integration.services import chores, inbox, outbox
from tests.bitrix.sandbox.agencies import small_agency
from tests.browser import until
from tests.web.portal_site import CLIENT_ID, PortalSite, portal_site

pytestmark = pytest.mark.browser
# What the portal's page does: it posts the frame's fields.
POST = """([address, fields]) => {
  const form = Object.assign(document.createElement('form'), {method: 'post', action: address});
  for (const [name, value] of Object.entries(fields))
    form.append(Object.assign(document.createElement('input'), {name: name, value: value}));
  document.body.append(form); form.submit();
}"""
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(scope="module")
def site(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalSite]:
    agency = small_agency(language="ru")
    agency.companies = [
        *agency.companies,
        {"id": 31, "title": "Старые друзья", "assignedById": 6, "fm": _phone("+7 900 222-33-44")},
        {"id": 32, "title": "Старые знакомые из очень длинного общества с ограниченной ответственностью"},
    ]
    agency.leads = [*agency.leads, *({"id": n, "title": f"Лид {n}", "stageId": "NEW", "assignedById": 6}
                                     for n in (41, 42, 43))]  # fmt: skip
    database = tmp_path_factory.mktemp("referrer") / "molva.db"
    shutil.copy(sqlite_template, database)
    with running(agency) as box, portal_site(box, f"sqlite:///{database}") as made:
        made.post("/bitrix/install")
        box.control(f"/apps/{CLIENT_ID}/finish", {})
        made.set_up()
        work(made)
        yield made


def _phone(number: str) -> list[dict[str, str]]:
    return [{"typeId": "PHONE", "valueType": "WORK", "value": number}]


def work(site: PortalSite) -> None:
    """What the worker would do now."""
    for _ in range(60):
        if not any([inbox.drain(site.deps), chores.run_due(site.deps), outbox.drain(site.deps)]):
            return


@pytest.fixture
def opened(browser: Browser, site: PortalSite) -> Iterator[Callable[..., Page]]:
    contexts = []

    def open_tab(lead: int, width: int = 1000, script: bool = True) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900})
        contexts.append(context)
        page = context.new_page()
        if not script:
            page.route("**/static/**/*.js*", lambda route: route.abort())
        query, form = site.frame(6, "CRM_LEAD_DETAIL_TAB", options={"ID": str(lead)}, lang="ru")
        page.goto(f"{site.url}/bitrix/placement/crm_lead_detail_tab")
        page.evaluate(POST, [f"{site.url}/bitrix/placement/crm_lead_detail_tab?{urlencode(query)}", form])
        page.wait_for_selector("#h-ref")
        return page

    yield open_tab
    for context in contexts:
        context.close()


def on_card(box: Sandbox, lead: int) -> dict[str, Any]:
    got = box.control("/as/1/crm.item.get", {"entityTypeId": 1, "id": lead, "useOriginalUfNames": "Y"})
    return dict(got["result"]["item"])


def narrow_enough(frame: Page) -> bool:
    return bool(
        frame.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    )


@pytest.mark.parametrize(("lead", "width"), [(41, 1000), (42, 375)])
def test_typing_finds_and_one_click_names(
    opened: Callable[..., Page], site: PortalSite, lead: int, width: int
) -> None:
    """What fits appears while one types; the click saves, the tab shows it on its way, the card has it afterwards."""
    frame = opened(lead, width)
    frame.get_by_text("Указать, кто рекомендовал").click()
    frame.get_by_label("Название, имя, телефон или e-mail").fill("Старые")
    until(frame, "document.querySelectorAll('#found .candidate').length === 2")
    assert narrow_enough(frame)
    if width < 400:
        found = Axe().run(frame, options=RULES)
        assert not found.response["violations"], found.generate_report()
    frame.get_by_role("button", name="Старые друзья").click()
    frame.wait_for_selector(".brought-by")
    expect(frame.locator(".brought-by")).to_contain_text("Старые друзья")
    expect(frame.locator(".brought-by")).to_contain_text("уходит в карточку")
    assert narrow_enough(frame)
    work(site)
    assert on_card(site.box, lead)["UF_CRM_MOLVA_REFERRER"] == "CO_31"


def test_without_our_script_the_same_two_clicks_do(opened: Callable[..., Page], site: PortalSite) -> None:
    """Search by phone with the button, then choose."""
    frame = opened(43, 375, script=False)
    frame.locator("summary", has_text="Указать, кто рекомендовал").click()
    frame.get_by_label("Название, имя, телефон или e-mail").fill("8 900 222 33 44")
    frame.get_by_role("button", name="Найти").click()
    frame.wait_for_selector(".candidate")
    assert narrow_enough(frame)
    frame.get_by_role("button", name="Старые друзья").click()
    frame.wait_for_selector(".brought-by")
    work(site)
    assert on_card(site.box, 43)["UF_CRM_MOLVA_REFERRER"] == "CO_31"
