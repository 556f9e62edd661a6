"""The main job as an operator does it: in a browser, with real workers and playbooks behind it."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.running import Service

pytestmark = [pytest.mark.journey, pytest.mark.browser]

PASSWORD = "correct horse battery staple"
MINUTES = 3 * 60 * 1000  # milliseconds


def test_an_operator_asks_for_a_portal_watches_ansible_build_it_and_opens_it(
    service: Service, chromium: Browser, tmp_path: Path
) -> None:
    names = {"fr": "Salé", "ar": "سلا"}
    service.post("/administrations", {"kind": "commune", "slug": "sale", "names": names})
    (tmp_path / "password").write_text(PASSWORD)
    user = ["users", "add", "omar", "--name", "Omar", "--role", "operator", "--language", "en"]
    service.run(*user, "--password-file", str(tmp_path / "password"))
    page = chromium.new_context(base_url=service.url, locale="en").new_page()

    page.goto("/requests/new?app=open-data")
    page.fill("#username", "omar")
    page.fill("#password", PASSWORD)
    page.click("main button[type=submit]")
    page.fill("#text", "سلا")
    page.click("text=Search")
    page.click("#results >> text=Salé")
    page.fill("[id='settings.contact_email']", "bureau@sale.example")
    page.fill("#reason", "agreed in November")
    page.click("text=Request it")

    expect(page.locator(".log-live")).to_have_text("Live", use_inner_text=True)
    expect(page.locator("#log li").first).to_be_visible(timeout=MINUTES)
    expect(page.locator("#job-state")).to_have_text("Running")
    expect(page.locator("#job-state")).to_have_text("Succeeded", timeout=MINUTES)
    expect(page.locator("#log")).to_contain_text("PLAY RECAP")
    page.click("dl.facts a >> nth=0")
    page.click("text=/^http:/")
    page.wait_for_url("http://127.0.0.1:*/")
    expect(page.locator("body")).to_contain_text("Salé")
    expect(page.locator("body")).to_contain_text("سلا")
