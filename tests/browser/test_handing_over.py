"""A secret goes from the page of an instance to a receiver's phone, and is seen there once."""

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from provisioner.instances import secrets
from provisioner.instances.models import Instance
from tests import factories
from tests.browser.conftest import PHONE, Visit

pytestmark = pytest.mark.browser


@pytest.fixture
def instance(app: Flask) -> Instance:
    factories.host()
    factories.app()
    return factories.instance(factories.administration("sale", fr="Salé", ar="سلا"))


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def handed_over(page: Page, instance: Instance) -> str:
    """The link that an operator gets on the page of the instance."""
    page.goto(f"/instances/{instance.id}")
    page.click("a[href$=handovers]")
    page.fill("#reason", "Pour Amina El Fassi, قائدة الفريق")
    page.click("main form[action$=handovers] button")
    link = page.inner_text(".secret-value")
    assert fits(page)
    return link


@pytest.mark.parametrize("language", ["ar", "fr", "en"])
@pytest.mark.parametrize("scripts", [True, False])
def test_a_receiver_without_an_account_sees_the_secret_once(
    chromium: Browser, visit: Visit, instance: Instance, language: str, *, scripts: bool
) -> None:
    link = handed_over(visit(language, phone=True), instance)
    context = chromium.new_context(viewport=PHONE, locale=language, java_script_enabled=scripts)  # type: ignore[arg-type]
    page = context.new_page()
    for seen in (True, False):
        page.goto(link)
        expect(page.locator("html")).to_have_attribute("lang", language)
        page.click("main form button")

        expect(page.locator("main form")).to_have_count(0)
        value = secrets.shown(instance.id, "admin_password")
        expect(page.get_by_text(value)).to_have_count(1 if seen else 0)
    context.close()
