"""What only a browser can show: the whole way of a request, the live log, and how pages stand on a phone."""

from itertools import islice

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from provisioner.administrations.models import Administration
from provisioner.db import transaction
from provisioner.jobs import live
from provisioner.jobs.attempts import Claim
from provisioner.jobs.events import Event
from provisioner.jobs.lifecycle import End
from tests import factories
from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

CONTACT = {
    "name": "contact",
    "type": "str",
    "required": True,
    "pattern": ".+@.+",
    "label": {"ar": "البريد", "fr": "Adresse", "en": "Contact e-mail"},
}


@pytest.fixture
def sale(app: Flask) -> Administration:
    factories.host()
    factories.app(parameters=(CONTACT,))
    return factories.administration("sale", fr="Salé", ar="سلا")


def told(claim: Claim, counter: int, **more: object) -> None:
    """One more event of the run, written as the worker writes it."""
    facts: dict[str, object] = {
        "kind": "runner_on_ok",
        "stdout": f"ok: number {counter}",
        "role": "files",
        "task": "Copy",
    }
    with transaction():
        factories.said(claim, [Event(counter, **facts | more)])  # type: ignore[arg-type]


def request_an_instance(page: Page) -> None:
    page.click("nav >> text=Catalogue")
    page.click("text=The complaints")
    page.click("text=Request an instance")
    page.fill("#text", "sale")
    page.click("text=Search")
    page.click("#results >> text=Salé")
    page.fill("[id='settings.contact']", "bureau@sale.ma")
    page.fill("#reason", "agreed in November")
    page.click("text=Request it")


def test_somebody_requests_an_instance_and_reads_the_log_while_it_is_written(
    visit: Visit, sale: Administration
) -> None:
    page = visit()
    request_an_instance(page)
    expect(page.locator("#job-state")).to_have_text("Queued")
    claim = factories.claimed()
    for counter in (1, 2, 3):
        told(claim, counter)
        expect(page.locator("#log li")).to_have_count(counter)
    expect(page.locator("#job-state")).to_have_text("Running")
    expect(page.locator(".log-live")).to_have_text("Live", use_inner_text=True)
    told(claim, 4, kind="runner_on_failed", stdout="<img src=x onerror=alert(1)>", result={"msg": "The disk is full."})
    factories.concluded(claim, End.FAILED)

    expect(page.locator("#job-state")).to_have_text("Failed")
    expect(page.locator(".log-live")).to_have_text("Finished", use_inner_text=True)
    expect(page.locator(".said")).to_have_text("The disk is full.")
    expect(page.locator("#log img")).to_have_count(0)
    expect(page.locator("#log li")).to_have_count(4)


def test_a_line_that_breaks_is_taken_up_where_it_broke(
    visit: Visit, sale: Administration, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = live.follow
    monkeypatch.setattr(live, "follow", lambda job_id, after: islice(whole(job_id, after), 1))  # then the line is cut
    job = factories.asked(sale.id, settings={"contact": "a@b.ma"})
    claim = factories.claimed()
    told(claim, 1)
    page = visit()
    page.goto(f"/jobs/{job.id}")
    for counter in (2, 3):
        told(claim, counter)
        expect(page.locator("#log li")).to_have_count(counter, timeout=15_000)
    monkeypatch.undo()
    told(claim, 4)
    factories.concluded(claim)

    expect(page.locator("#job-state")).to_have_text("Succeeded", timeout=15_000)
    assert [text[-1] for text in page.locator("#log li").all_inner_texts()] == ["1", "2", "3", "4"]


def test_everything_works_without_scripts(visit: Visit, sale: Administration) -> None:
    page = visit(scripts=False)
    request_an_instance(page)
    claim = factories.claimed()
    told(claim, 1)
    page.click("text=Refresh")

    expect(page.locator("#job-state")).to_have_text("Running")
    expect(page.locator("#log li")).to_have_count(1)


def test_a_list_follows_what_is_typed_into_its_filter(visit: Visit, sale: Administration) -> None:
    for of in (sale, factories.administration("agadir", fr="Agadir")):
        factories.instance(of, settings={"contact": "a@b.ma"})
    page = visit()
    page.goto("/instances")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.locator("#text").press_sequentially("agad")

    expect(page.locator("tbody tr")).to_have_count(1)
    assert "text=agad" in page.url


def test_arabic_pages_run_from_right_to_left_and_fit_a_phone(visit: Visit, sale: Administration) -> None:
    instance = factories.instance(sale, settings={"contact": "a@b.ma"})
    job = factories.asked(factories.administration().id, settings={"contact": "a@b.ma"})
    told(factories.claimed(), 1, stdout="x" * 500)
    page = visit("ar", phone=True)
    lists = ("/", "/apps", "/instances", "/jobs", "/requests", "/reports/inventory", "/administrations")
    forms = ("/requests/new", f"/requests/new?app=complaints&administration={factories.administration().id}")
    for address in (*lists, *forms, f"/instances/{instance.id}", f"/jobs/{job.id}", "/apps/complaints"):
        page.goto(address)

        assert page.locator("html").get_attribute("dir") == "rtl"
        too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert too_wide == 0, address
