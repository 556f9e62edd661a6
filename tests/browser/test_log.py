"""The live log in a browser: a run that says more than a page should hold."""

import pytest
from flask import Flask
from playwright.sync_api import expect

from provisioner.db import transaction
from provisioner.jobs.events import Event
from tests import factories
from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

KEPT = 2000  # lines; as app.js says
IDS = "lines => lines.map((line) => line.id)"


def test_a_page_that_follows_a_flood_drops_what_is_old_and_links_to_it(visit: Visit, app: Flask) -> None:
    factories.host()
    factories.app()
    factories.asked(factories.administration().id)
    claim = factories.claimed()
    page = visit()
    page.goto(f"/jobs/{claim.job_id}")
    expect(page.locator(".log-live")).to_have_text("Live", use_inner_text=True)

    for first in range(1, 3000, 500):
        with transaction():
            factories.said(claim, [Event(n, "runner_on_ok", f"ok: number {n}") for n in range(first, first + 500)])

    expect(page.locator("#log li").last).to_have_id("1-3000", timeout=30_000)
    shown = page.locator("#log li").evaluate_all(IDS)
    assert shown == [f"1-{n}" for n in range(3001 - KEPT, 3001)]
    page.click("#log-earlier a")
    page.wait_for_url("**?before=*")
    assert page.locator("#log li").evaluate_all(IDS) == [f"1-{n}" for n in range(3001 - KEPT - 500, 3001 - KEPT)]


def test_what_failed_leads_to_its_line_in_the_log(visit: Visit, app: Flask) -> None:
    factories.host()
    factories.app()
    factories.asked(factories.administration().id)
    claim = factories.claimed()
    said = [Event(n, "runner_on_ok", f"ok: number {n}", task="Copy") for n in range(1, 2001)]
    failed = Event(1000, "runner_on_failed", "fatal: number 1000", task="Copy", result={"msg": "It went pop."})
    with transaction():
        factories.said(claim, [*said[:999], failed, *said[1000:]])
    page = visit()

    page.goto(f"/jobs/{claim.job_id}")
    expect(page.locator("#log")).not_to_contain_text("fatal: number 1000")
    page.click("text=See it in the log")

    expect(page.locator("#log li:target")).to_contain_text("fatal: number 1000")
    expect(page.locator("#log li:target")).to_be_in_viewport()
