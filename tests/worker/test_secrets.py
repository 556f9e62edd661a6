"""A run that tells its secrets in every way, and then all places in which they could have been kept."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

import psycopg
import pytest

from provisioner.embedded.layout import DATABASE, SUPERUSER
from provisioner.jobs.redaction import HIDDEN
from tests.running import Service, processes, running, wait_for
from worker.run import PREFIX

pytestmark = pytest.mark.journey
PLAYBOOKS = Path(__file__).with_name("playbooks")
SLEEPING = 2  # processes that the last task starts
CANARY = "canary-in-the-environment"
TEXTS = """
    SELECT relname, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_SECRET_ACCESS_KEY", "DATABASE_PASSWORD", "ANSIBLE_VAULT_PASSWORD"):
            patch.setenv(name, CANARY)
        patch.setenv("no_proxy", f"localhost,127.0.0.1,http://reader:{CANARY}@proxy.example")
        settings = {"playbooks_dir": str(PLAYBOOKS), "log_format": "json"}
        yield from running(Service(tmp_path_factory.mktemp("talking"), settings=settings, forgetful=True))


@pytest.fixture(scope="module")
def told(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The job that told everything and was cancelled, and what it told: job and secrets."""
    file = tmp_path_factory.mktemp("known") / "secrets"
    names = {"fr": "Commune", "ar": "جماعة"}
    made = service.post("/administrations", {"kind": "commune", "slug": "commune", "names": names})
    wish = {"administration": made["id"], "app": "talker", "reason": "test", "settings": {"file": str(file)}}
    job = service.post("/requests", wish)
    wait_for("the daemon of the last task", lambda: file.exists() and len(_sleeping(file)) == SLEEPING, 90)
    service.post(f"/jobs/{job['id']}/cancel", {"reason": "test"})
    return service.ended(job["id"], 30), _secrets(file)


def _sleeping(file: Path) -> list[int]:
    return processes("time.sleep(60)", *_secrets(file)[1:])


def _secrets(file: Path) -> list[str]:
    given = json.loads(file.read_text() or "{}")
    return [given[name] for name in ("admin_password", "other_password") if name in given]


@pytest.fixture(scope="module")
def secrets(told: Any) -> list[bytes]:
    """Every form of them that is not found by looking for another one."""
    plain = [CANARY, *told[1]]
    assert len(plain) == 3
    encoded = [base64.b64encode(b"admin:" + secret.encode())[8:24] for secret in plain]  # of `n:<secret>` on
    forms = [form for secret in plain for form in (secret, secret.encode().hex(), secret[:12], secret[-12:])]
    return [*(form.encode() for form in forms), *encoded, *(base64.b64encode(each.encode())[:20] for each in plain)]


def holds(text: bytes, secrets: list[bytes]) -> list[bytes]:
    return [secret for secret in secrets if secret in text]


def test_no_column_of_the_database_holds_them(service: Service, told: Any, secrets: list[bytes]) -> None:
    url = service.layout.database_url(SUPERUSER, DATABASE).replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        columns = connection.execute(TEXTS).fetchall()
        assert len(columns) > 100
        for table, column in columns:
            rows = connection.execute(f'SELECT "{column}"::text FROM "{table}"').fetchall()
            text = "\n".join(str(row[0]) for row in rows).encode()
            assert holds(text, secrets) == [], (table, column)


def test_no_file_that_stays_holds_them(service: Service, told: Any, secrets: list[bytes]) -> None:
    left = [file for folder in ("/dev/shm", "/tmp") for file in Path(folder).glob(f"{PREFIX}*/**/*") if file.is_file()]
    assert [file for file in left if told[0]["id"] in file.read_text(errors="replace")] == []
    assert [file for file in left if holds(file.read_bytes(), secrets)] == []
    files = [file for file in service.state_dir.rglob("*") if file.is_file() and not file.is_symlink()]
    assert (service.state_dir / "up.log") in files
    leaking = {str(file): found for file in files if (found := holds(file.read_bytes(), secrets))}
    assert leaking == {}


def test_no_place_of_ansible_on_this_machine_holds_them(told: Any, secrets: list[bytes]) -> None:
    ansible = Path.home() / ".ansible"
    files = [file for file in ansible.rglob("*") if file.is_file()]
    assert [file for file in files if holds(file.read_bytes(), secrets)] == []


def test_nothing_that_goes_out_holds_them(service: Service, told: Any, secrets: list[bytes]) -> None:
    job, _ = told
    events = service.get(f"/jobs/{job['id']}/events")["items"]
    out = {"events": events, "job": service.get(f"/jobs/{job['id']}")}

    assert holds(json.dumps(out, ensure_ascii=False).encode(), secrets) == []
    assert HIDDEN in str(events)
    assert len(events) > 15


def test_what_was_stopped_is_gone_and_named_without_them(told: Any, secrets: list[bytes]) -> None:
    stopped = told[0]["stopped"]
    assert processes("time.sleep(60)", told[1][1]) == []
    assert (told[0]["state"], stopped["left"]) == ("needs_attention", 0)
    assert [task for task in stopped["tasks"].values() if task.startswith("Sleep")]

    sleeping = [each["command"] for each in stopped["processes"] if "time.sleep(60)" in each["command"]]
    assert len(sleeping) == SLEEPING
    assert all(HIDDEN in command for command in sleeping)
    assert holds(json.dumps(stopped).encode(), secrets) == []


@pytest.fixture(scope="module")
def reader(service: Service, tmp_path_factory: pytest.TempPathFactory) -> OpenerDirector:
    """Somebody who has signed in with a browser."""
    password = tmp_path_factory.mktemp("login") / "password"
    password.write_text("correct horse battery staple")
    user = ["users", "add", "omar", "--name", "Omar", "--role", "viewer"]
    service.run(*user, "--password-file", str(password))
    browser = build_opener(HTTPCookieProcessor())
    with browser.open(f"{service.url}/login") as page:
        token, *_ = re.findall(r'name="csrf_token" value="(\w+)"', page.read().decode())
    fields = {"csrf_token": token, "username": "omar", "password": password.read_text()}
    browser.open(f"{service.url}/login", urlencode(fields).encode()).close()
    return browser


@pytest.mark.parametrize("page", ["", "/log.txt", "/stream"])
def test_no_page_holds_them(
    service: Service, reader: OpenerDirector, told: Any, secrets: list[bytes], page: str
) -> None:
    with reader.open(f"{service.url}/jobs/{told[0]['id']}{page}", timeout=30) as answer:
        text = answer.read()

    assert holds(text, secrets) == []
    assert HIDDEN.encode() in text
