"""Signing in and staying signed in; guessing."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from provisioner.accounts import passwords, service
from provisioner.accounts.models import SignInFailure
from provisioner.accounts.sign_in import FAILURES_OF_AN_ADDRESS, FREE_FAILURES
from provisioner.audit.models import AuditEvent
from provisioner.db import db, transaction
from tests.accounts.conftest import Browser, Person, SignedIn


def minutes_pass(table: str, column: str, minutes: float) -> None:
    with transaction():
        db.session.execute(text(f"UPDATE {table} SET {column} = {column} - make_interval(secs => {minutes * 60})"))


def test_who_signs_in_gets_to_where_they_wanted_to_go(browser: Browser, person: Person) -> None:
    person(username="amina")
    sent = browser.get("/account?tab=tokens")
    assert (sent.status_code, sent.location) == (303, "/login?next=/account?tab%3Dtokens")

    answer = browser.sign_in("Amina ", next="/account?tab=tokens")

    assert (answer.status_code, answer.location) == (303, "/account?tab=tokens")
    assert browser.get("/account").status_code == 200


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/ /evil.example", "javascript:alert(1)"],
)
def test_signing_in_never_leads_to_another_site(browser: Browser, person: Person, elsewhere: str) -> None:
    person(username="amina")

    assert browser.sign_in("amina", next=elsewhere).location == "/"
    page = browser.get("/login", query_string={"next": elsewhere}).text
    assert '<input type="hidden" name="next" value="/">' in page.split("<main")[1]


def test_a_wrong_password_an_unknown_name_and_a_disabled_account_get_the_same_answer(
    browser: Browser, person: Person
) -> None:
    person(username="amina")
    with transaction():
        service.disable_account(person(username="karim").id, "left")
    answers = [browser.sign_in("amina", "wrong"), browser.sign_in("nobody", "wrong"), browser.sign_in("karim")]

    assert {answer.status_code for answer in answers} == {422}
    pages = {answer.text.split("<main")[1].replace(browser.csrf_token(), "") for answer in answers}
    assert len(pages) == 1
    assert "provisioner=" not in str([answer.headers for answer in answers])


def test_an_unknown_name_costs_as_much_hashing_as_a_known_one(
    browser: Browser, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person(username="amina")
    browser.sign_in("nobody", "wrong")
    verified: list[str] = []
    hasher = passwords._hasher

    class Counting:
        def verify(self, known: str, given: str) -> bool:
            verified.append(known)
            return hasher.verify(known, given)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    for name in ("amina", "nobody"):
        browser.sign_in(name, "wrong")

    assert len(verified) == 2
    assert len({known.rsplit("$", 2)[0] for known in verified}) == 1, "hashed with the same settings"


def test_a_failure_is_kept_and_audited_without_what_was_typed(browser: Browser, person: Person) -> None:
    amina = person(username="amina")
    browser.sign_in("amina", "wrong")
    browser.sign_in("my password by mistake", "x")

    refused = db.session.scalars(
        select(AuditEvent).where(AuditEvent.outcome == "refused").order_by(AuditEvent.id)
    ).all()
    assert [(event.action, event.object_id) for event in refused] == [
        ("account.sign_in", str(amina.id)),
        ("account.sign_in", "unknown"),
    ]
    assert db.session.scalar(select(func.count(SignInFailure.id))) == 2


@pytest.mark.parametrize("name", ["amina", "nobody"])
def test_after_some_failures_a_name_has_to_wait_even_for_the_right_password(
    browser: Browser, person: Person, name: str
) -> None:
    person(username="amina")
    for _ in range(FREE_FAILURES):
        assert browser.sign_in(name, "wrong").status_code == 422

    answer = browser.sign_in(name)

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_after_the_wait_the_right_password_works_and_the_failures_are_forgotten(
    browser: Browser, person: Person
) -> None:
    person(username="amina")
    for _ in range(FREE_FAILURES):
        browser.sign_in("amina", "wrong")
    minutes_pass("sign_in_failure", "at", 1)

    assert browser.sign_in("amina").status_code == 303
    assert db.session.scalar(select(func.count(SignInFailure.id))) == 0


def test_each_further_failure_makes_the_wait_longer(browser: Browser, person: Person) -> None:
    person(username="amina")
    waits = []
    for _ in range(FREE_FAILURES + 3):
        browser.sign_in("amina", "wrong")
        waits.append(int(browser.sign_in("amina", "wrong").headers.get("Retry-After", 0)))
        minutes_pass("sign_in_failure", "at", 0.5)

    assert waits[-1] > waits[-2] > waits[-3]


def test_an_address_that_fails_with_many_names_is_refused_for_a_while(browser: Browser, person: Person) -> None:
    person(username="amina")
    with transaction():
        for number in range(FAILURES_OF_AN_ADDRESS):
            db.session.add(SignInFailure(username=f"guess{number}", address="127.0.0.1"))

    assert browser.sign_in("amina").status_code == 429
    minutes_pass("sign_in_failure", "at", 15)
    assert browser.sign_in("amina").status_code == 303


def test_guesses_made_at_the_same_time_are_counted_one_after_another(app: Flask, person: Person) -> None:
    person(username="amina")
    browsers = [Browser(app.test_client()) for _ in range(10)]

    def guess(browser: Browser) -> int:
        with app.app_context():
            return browser.sign_in("amina", "wrong").status_code

    with ThreadPoolExecutor(len(browsers)) as at_once:
        answers = list(at_once.map(guess, browsers))

    assert sorted(answers) == [422] * FREE_FAILURES + [429] * (len(browsers) - FREE_FAILURES)


@pytest.mark.parametrize(
    ("column", "minutes", "still_in"),
    [("seen_at", 29, True), ("seen_at", 31, False), ("created_at", 11 * 60, True), ("created_at", 12 * 60 + 1, False)],
)
def test_a_session_ends_when_left_alone_or_too_old(
    signed_in: SignedIn, column: str, minutes: float, *, still_in: bool
) -> None:
    browser = signed_in()
    minutes_pass("session", column, minutes)

    assert (browser.get("/account").status_code == 200) is still_in


def test_the_last_use_of_a_session_is_written_at_most_once_a_minute(signed_in: SignedIn) -> None:
    browser = signed_in()
    seen = text("SELECT seen_at FROM session")
    first = db.session.scalars(seen).one()
    browser.get("/account")
    assert db.session.scalars(seen).one() == first

    minutes_pass("session", "seen_at", 2)
    browser.get("/account")

    assert db.session.scalars(seen).one() > first


def test_each_sign_in_has_a_session_of_its_own_which_signing_out_ends(browser: Browser, person: Person) -> None:
    person(username="amina")
    cookies = []
    for _ in range(2):
        browser.sign_in("amina")
        cookies.append(browser.client.get_cookie("provisioner").value)  # type: ignore[union-attr]
    page = browser.csrf_token("/account")
    assert cookies[0] != cookies[1]

    answer = browser.client.post("/logout", data={"csrf_token": page})

    assert (answer.status_code, answer.location) == (303, "/login")
    browser.client.set_cookie("provisioner", cookies[1])
    assert browser.get("/account").status_code == 303
    browser.client.set_cookie("provisioner", cookies[0])
    assert browser.get("/account").status_code == 200


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(browser: Browser, person: Person) -> None:
    person(username="amina")
    cookies = browser.sign_in("amina").headers.getlist("Set-Cookie")

    assert [set(cookie.split("; ")[1:]) for cookie in cookies] == [{"HttpOnly", "Path=/", "SameSite=Lax"}]
