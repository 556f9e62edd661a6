"""Acting on many instances, from their list to what came of each, as people see it."""

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from provisioner.db import transaction
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs import attempts, claiming
from provisioner.jobs.claiming import Batch
from tests import factories
from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser


@pytest.fixture
def old(app: Flask) -> list[Instance]:
    """Four instances, active on release 1.0, of which the first is busy."""
    factories.host()
    factories.app()
    places = (("sale", "Salé"), ("fes", "Fès"), ("tanger", "Tanger"), ("agadir", "Agadir"))
    made = [factories.instance(factories.administration(slug, fr=name), release="1.0") for slug, name in places]
    factories.asked_to(Action.UPDATE, made[0].id)
    factories.claimed()
    return made


def update_all(page: Page) -> None:
    page.goto("/instances?app=complaints")
    page.click("text=Act on all of these")
    page.select_option("#action", "update")
    page.click("text=See what would change")
    expect(page.locator(".tile-figure")).to_have_text(["3", "0", "1"])
    page.fill("#reason", "A security release")
    page.click("text=Update · 3 instances")


def in_one_run() -> Batch:
    with transaction():
        run = claiming.claim("worker", [factories.SITE])
        assert run
        attempts.begin(run.claims[:1])
    return run


def test_somebody_updates_all_instances_of_an_app_and_follows_what_comes_of_each(
    visit: Visit, old: list[Instance]
) -> None:
    page = visit()
    update_all(page)
    expect(page.locator(".tile-figure")).to_have_text(["3", "0", "1"])
    page.click("text=Refused")
    expect(page.locator("table").first).to_contain_text("Another job has the instance.")
    expect(page.locator("table").first.locator("tbody tr")).to_have_count(1)
    run = in_one_run()
    page.goto(f"/jobs/{run.claims[-1].job_id}")
    expect(page.locator("#job-facts")).to_contain_text("Waits for its turn in its run.")
    page.click("text=In one run with 2 others")

    expect(page.locator("#results tbody tr")).to_have_count(3)


@pytest.mark.parametrize("language", ["ar", "fr", "en"])
def test_the_pages_of_many_fit_a_phone(visit: Visit, old: list[Instance], language: str) -> None:
    page = visit(language, phone=True)
    page.goto("/requests/many?app=complaints&action=update")
    page.fill("#reason", "A security release")
    page.click("form[method=post] .btn-primary")
    expect(page.locator(".tile-figure")).to_have_text(["3", "0", "1"])
    many = page.url
    job = in_one_run().claims[-1].job_id
    settings = f"/instances/{old[1].id}/settings"
    for address in (many, "/requests/many?app=complaints&action=update", settings, f"/jobs/{job}"):
        page.goto(address)

        too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert too_wide == 0, address
