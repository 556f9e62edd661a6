"""One's own account and, for administrators, everybody's."""

import re

import pytest

from provisioner.accounts import queries
from provisioner.accounts.policy import Role
from tests.accounts.conftest import PASSWORD, Browser, SignedIn


def shown_once(page: str) -> str:
    """The code in the notice at the top of the page."""
    found = re.search(r'class="notice tone-good".*?<bdi class="code" dir="ltr">(.+?)</bdi>', page, re.DOTALL)
    assert found
    return found[1]


def test_changing_ones_password_keeps_this_browser_and_signs_out_the_others(
    signed_in: SignedIn, browser: Browser
) -> None:
    here = signed_in(username="amina")
    browser.sign_in("amina")

    answer = here.post("/account/password", current=PASSWORD, password="quite another sentence")

    assert answer.status_code == 303
    assert "notice tone-good" in here.get("/account").text
    assert browser.get("/account").status_code == 303
    assert browser.sign_in("amina").status_code == 422
    assert browser.sign_in("amina", "quite another sentence").status_code == 303


@pytest.mark.parametrize(
    ("current", "password"), [("wrong", "quite another sentence"), (PASSWORD, "short"), ("", "quite another sentence")]
)
def test_a_password_is_not_changed_without_the_old_one_or_to_a_weak_one(
    signed_in: SignedIn, browser: Browser, current: str, password: str
) -> None:
    answer = signed_in(username="amina").post("/account/password", current=current, password=password)

    assert answer.status_code == 422
    assert "field-errors" in answer.text
    assert browser.sign_in("amina").status_code == 303


def test_guessing_the_old_password_is_slowed_like_signing_in(signed_in: SignedIn) -> None:
    browser = signed_in(username="amina")
    answers = [browser.post("/account/password", current="wrong", password="x").status_code for _ in range(5)]

    assert answers == [422, 422, 422, 422, 429]


def test_the_language_of_the_account_is_that_of_its_pages(signed_in: SignedIn) -> None:
    browser = signed_in(username="amina")
    assert '<html lang="fr" dir="ltr">' in browser.get("/account").text

    browser.post("/account/language", language="ar")

    assert '<html lang="ar" dir="rtl">' in browser.get("/account").text


def test_a_token_is_shown_once_and_can_be_revoked(signed_in: SignedIn, browser: Browser) -> None:
    mine = signed_in(Role.VIEWER, username="amina")
    token = shown_once(mine.post("/account/tokens", name="script", rights="view", days=30).text)
    bearer = {"Authorization": f"Bearer {token}"}
    assert browser.client.get("/api/v1/me", headers=bearer).status_code == 200
    assert token not in mine.get("/account").text

    assert mine.post(f"/account/tokens/{token.split('_')[1]}/revoke").status_code == 303

    assert browser.client.get("/api/v1/me", headers=bearer).status_code == 401


def test_a_token_without_rights_or_beyond_ones_own_is_refused_beside_its_field(signed_in: SignedIn) -> None:
    browser = signed_in(Role.VIEWER)
    for wrong in ({}, {"rights": "administer"}, {"rights": "view", "days": "soon"}):
        answer = browser.post("/account/tokens", **{"name": "script", "days": "30", **wrong})
        assert answer.status_code == 422
        assert "field-errors" in answer.text


def test_an_administrator_creates_an_account_whose_first_password_is_shown_once(
    signed_in: SignedIn, browser: Browser
) -> None:
    office = signed_in(Role.ADMINISTRATOR)

    made = office.post("/accounts", username="karim", display_name="كريم", roles=["viewer", "operator"])

    assert made.status_code == 201
    password = shown_once(made.text)
    assert browser.sign_in("karim", password).status_code == 303
    karim = queries.by_username("karim")
    assert queries.roles(karim.id) == {Role.VIEWER, Role.OPERATOR}
    page = office.get(f"/accounts/{karim.id}").text
    assert "كريم" in page
    assert password not in page
    assert "karim" in office.get("/accounts").text


def test_a_bad_new_account_is_refused_beside_its_fields_and_keeps_what_was_typed(signed_in: SignedIn) -> None:
    office = signed_in(Role.ADMINISTRATOR)
    for wrong in ({"username": "not a name"}, {"email": "nowhere"}, {"roles": "emperor"}, {"username": ""}):
        answer = office.post("/accounts", **{"username": "karim", "display_name": "Karim B.", **wrong})
        assert answer.status_code == 422
        assert "field-errors" in answer.text
        assert "Karim B." in answer.text


def test_an_administrator_grants_and_revokes_roles_and_disables(signed_in: SignedIn) -> None:
    office, other = signed_in(Role.ADMINISTRATOR), signed_in(username="karim")
    karim = queries.by_username("karim").id

    assert office.post(f"/accounts/{karim}/roles", role="viewer").status_code == 303
    assert queries.roles(karim) == {Role.VIEWER}
    assert office.post(f"/accounts/{karim}/roles", role="viewer").status_code == 409
    assert office.post(f"/accounts/{karim}/roles/revoke", role="viewer").status_code == 303
    assert queries.roles(karim) == frozenset()
    assert office.post(f"/accounts/{karim}/disable", reason="left").status_code == 303
    assert queries.account(karim).disabled_at
    assert other.get("/account").status_code == 303
    assert office.get(f"/accounts/{karim}").status_code == 200


def test_disabling_needs_a_reason(signed_in: SignedIn) -> None:
    office = signed_in(Role.ADMINISTRATOR, username="boss")

    assert office.post(f"/accounts/{queries.by_username('boss').id}/disable", reason="").status_code == 422
    assert queries.by_username("boss").disabled_at is None


def test_the_list_goes_on_where_a_page_ends(signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    office = signed_in(Role.ADMINISTRATOR, username="amina")
    signed_in(username="karim")
    monkeypatch.setattr("provisioner.paging.MOST", 1)

    first = office.get("/accounts").text
    following = re.search(r'rel="next" href="([^"]+)"', first)

    assert following
    second = office.get(following[1]).text
    assert ("amina</bdi>" in first, "karim</bdi>" in first) == (True, False)
    assert "karim</bdi>" in second
