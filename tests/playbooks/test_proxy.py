"""The proxy of a host, a real nginx, before instances that say what they were asked."""

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .proxies import HERE, NGINX, Nginx, certificate, certificate_of, instance
from .runs import PLAYBOOKS

NAME, OWN, PLAIN = "portal.apps.example", "own.example", "plain.example"
SPOOFED = {
    "X-Forwarded-For": "10.1.1.1",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "gopher",
    "X-Real-IP": "10.1.1.1",
    "X_Real_IP": "10.1.1.1",
    "Forwarded": "for=10.1.1.1;host=evil.example",
    "X-Forwarded-Prefix": "/evil",
    "X-Original-URL": "/admin",
    "X-Rewrite-URL": "/admin",
    "Proxy": "http://evil.example",
}


@pytest.fixture
def configure(module, nginx: Nginx) -> Callable[..., dict[str, Any]]:
    def converge(*, check: bool = False, **changes: Any) -> dict[str, Any]:
        return module("host_proxy", check=check, **nginx.parameters | changes)

    return converge


@pytest.fixture
def upstream(short: Path) -> Iterator[str]:
    with instance(short / "web.sock", "portal") as where:
        yield where


@pytest.fixture
def serve(module, nginx: Nginx, upstream: str) -> Callable[..., dict[str, Any]]:
    def name(served: str, **changes: Any) -> dict[str, Any]:
        usual = {"upstream": upstream, "folder": str(nginx.folder), "reload": nginx.reload}
        result = module("instance_site", name=served, **usual | changes)
        assert "failed" not in result, result["msg"]
        return result

    return name


@pytest.fixture
def wildcard(short: Path) -> dict[str, Any]:
    file, key = certificate(short, "*.apps.example")
    return {"tls": True, "certificate": file, "key": key, "covers": ["*.apps.example"]}


def test_the_second_time_nothing_changes(configure, nginx: Nginx):
    first, second, seen = configure(max_body="5m"), configure(max_body="5m"), configure(check=True)

    assert first["drift"] == seen["drift"] == ["proxy: nginx.conf differs"]
    assert "client_max_body_size 2000m;" in seen["diff"][0]["after"]
    assert (second["changed"], nginx.reloads) == (False, 1)


def test_looking_at_a_host_without_a_proxy_changes_nothing(module, short: Path, free_port):
    none = Nginx(short / "none", free_port(), free_port())

    result = module("host_proxy", check=True, **none.parameters)

    assert result["drift"][0] == f"proxy: there is no folder {none.folder}"
    assert not none.folder.exists()


def test_what_nginx_does_not_accept_is_put_back_and_said_in_its_words(configure, nginx: Nginx, serve):
    serve(NAME)
    before = nginx.main.read_text()

    result = configure(max_body="99999999999999999999m")

    assert '"client_max_body_size" directive invalid value' in result["msg"]
    assert nginx.main.read_text() == before
    assert nginx.get(NAME).status == 200


def test_a_file_of_the_distributions_nginx_that_would_break_it_is_taken_away(module, short: Path, free_port):
    """Beside a site that already has all names of the port."""
    port = free_port()
    whole, ours = short / "nginx.conf", short / "ours.conf"
    other = f"server {{ listen {port} default_server; }}"
    whole.write_text(f"pid {short}/pid; events {{}} http {{ include {ours}*; {other} }}")
    check = short / "nginx"
    check.write_text(f'#!/bin/sh\nexec {NGINX} -c {whole} "$@"\n')
    check.chmod(0o755)
    given = {"folder": str(short / "proxy"), "included": str(ours), "nginx": str(check), "https_port": free_port()}

    refused = module("host_proxy", **given, http_port=port)
    accepted = module("host_proxy", **given, http_port=free_port())

    assert "a duplicate default server" in refused["msg"]
    assert accepted["changed"]
    assert "worker_processes" not in ours.read_text()


@pytest.mark.parametrize(
    "options",
    [
        {"folder": "/srv/a b"},
        {"acme": "/srv/$host"},
        {"covers": ["*.example; include /etc/passwd"]},
        {"max_body": "1m; deny all"},
        {"user": "root; daemon off"},
        {"certificate": "/etc/hostname", "key": "/etc/hostname"},
    ],
)
def test_options_cannot_say_more_than_they_are_for(configure, nginx: Nginx, options: dict[str, Any]):
    before = nginx.main.read_text()

    assert configure(**options)["failed"]
    assert nginx.main.read_text() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may be somebody else")
def test_a_key_that_the_workers_cannot_read_is_refused(configure, nginx: Nginx, wildcard):
    before = nginx.main.read_text()

    result = configure(**wildcard, user="www-data")

    assert f"www-data, as whom nginx works, cannot read {wildcard['key']}" in result["msg"]
    assert nginx.main.read_text() == before


def test_an_instance_learns_where_a_request_comes_from_and_not_what_it_claims(serve, nginx: Nginx):
    serve(NAME)

    told = nginx.get(NAME, **SPOOFED).told["headers"]

    assert told["host"] == told["x-forwarded-host"] == f"{NAME}:{nginx.http_port}"
    assert (told["x-forwarded-for"], told["x-real-ip"], told["x-forwarded-proto"]) == (HERE, HERE, "http")
    assert told["x-forwarded-port"] == str(nginx.http_port)
    assert not any(word in str(told) for word in ("10.1.1.1", "evil", "admin", "gopher"))


def test_the_name_that_decides_is_the_one_that_the_instance_is_told(serve, nginx: Nginx):
    serve(NAME)

    told = nginx.get("evil.example", f"http://{NAME}/").told["headers"]

    assert told["host"] == f"{NAME}:{nginx.http_port}"


def test_an_instance_that_does_not_answer_is_excused(serve, nginx: Nginx, short: Path):
    serve(NAME, upstream=f"unix:{short}/nobody.sock")

    answer = nginx.get(NAME, method="PUT")

    assert (answer.status, answer.headers["retry-after"], answer.headers["cache-control"]) == (503, "30", "no-store")
    assert all(f'lang="{language}"' in answer.body for language in ("ar", "fr", "en"))
    assert "nginx/" not in str(answer)


@pytest.mark.parametrize("status", [404, 410, 500, 502, 503])
def test_what_an_instance_answers_is_its_own(serve, nginx: Nginx, status: int):
    serve(NAME)

    answer = nginx.get(NAME, f"/status/{status}")

    assert (answer.status, answer.told["who"]) == (status, "portal")


def test_the_generation_is_told_to_the_host_itself_only_by_its_name(serve, nginx: Nginx):
    serve(NAME)

    assert nginx.get("proxy.invalid").body == (nginx.folder / "loaded").read_text().strip()
    assert nginx.get(NAME, "/.provisioner/unknown.html").status == 404


def test_a_connection_can_be_upgraded(serve, nginx: Nginx):
    serve(NAME)
    with socket.create_connection((HERE, nginx.http_port), timeout=10) as line, line.makefile("rwb") as stream:
        stream.write(f"GET / HTTP/1.1\r\nHost: {NAME}\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n".encode())
        stream.flush()
        assert b"101" in stream.readline()
        while stream.readline().strip():
            pass
        stream.write(b"salam\n")
        stream.flush()

        assert stream.readline() == b"SALAM\n"


def test_more_than_the_limit_is_not_taken(serve, configure, nginx: Nginx):
    serve(NAME)
    configure(max_body="1k")

    answers = [nginx.get(NAME, method="POST", **{"Content-Length": str(size)}).status for size in (0, 1025)]

    assert answers == [200, 413]


def test_challenges_of_an_authority_are_answered_from_a_folder(serve, configure, nginx: Nginx, short: Path, wildcard):
    serve(NAME)
    token = short / "acme/.well-known/acme-challenge/token"
    configure(acme=str(short / "acme"), **wildcard)
    token.parent.mkdir(parents=True)
    token.write_text("token.thumbprint")

    found, missing = (nginx.get(name, f"/.well-known/acme-challenge/{name}") for name in ("token", "other"))

    assert (found.body, missing.status) == ("token.thumbprint", 404)
    assert nginx.get(NAME, "/a?b").headers["location"] == f"https://{NAME}:{nginx.https_port}/a?b"


def test_each_name_has_its_certificate(serve, configure, nginx: Nginx, short: Path, wildcard):
    own = certificate_of(short, OWN)
    configure(**wildcard)
    serve(NAME)
    result = serve(OWN, certificates=str(short / "certificates"))

    told = [nginx.get_securely(NAME, wildcard["certificate"]).told, nginx.get_securely(OWN, own).told]

    assert [one["headers"]["host"] for one in told] == [f"{name}:{nginx.https_port}" for name in (NAME, OWN)]
    assert {one["headers"]["x-forwarded-proto"] for one in told} == {"https"}
    assert result["drift"] == ["site: it is missing", "site: its certificate differs"]
    assert not serve(OWN, certificates=str(short / "certificates"))["changed"]


def test_only_names_with_a_certificate_are_sent_to_it(serve, configure, nginx: Nginx, short: Path, wildcard):
    certificate_of(short, OWN)
    configure(**wildcard)
    serve(PLAIN)
    serve(OWN, certificates=str(short / "certificates"))

    answers = [nginx.get(name).status for name in (OWN, PLAIN, "nobody.apps.example")]

    assert answers == [301, 200, 404]
    serve(OWN)
    assert nginx.get(OWN).status == 200


def test_a_certificate_that_was_renewed_counts_without_a_reload(serve, configure, nginx: Nginx, short: Path):
    configure(tls=True)
    own = certificate_of(short, OWN)
    serve(OWN, certificates=str(short / "certificates"))
    assert nginx.get_securely(OWN, own).status == 200
    with pytest.raises(ssl.SSLError):
        nginx.get_securely("nobody.example", own)
    reloads = nginx.reloads

    certificate_of(short, OWN)

    assert nginx.get_securely(OWN, own).status == 200
    assert nginx.reloads == reloads


def test_the_roles_set_up_a_proxy_and_serve_a_name(short: Path, upstream: str, free_port):
    """In a run of its own: first the server's play, then that of an instance; then both again, looking only."""
    nginx = Nginx(short / "proxy", free_port(), free_port())
    proxy = {f"proxy_{name}": value for name, value in nginx.parameters.items()}
    site = {"name": NAME, "upstream": upstream, "folder": str(nginx.folder), "reload": nginx.plain_reload}
    server, instances = short / "server.yml", short / "instances.yml"
    server.write_text(yaml.safe_dump(_play("proxy", {**proxy, "proxy_replaces": "", "proxy_reload": []})))
    instances.write_text(yaml.safe_dump(_play("site", {f"site_{name}": value for name, value in site.items()})))

    assert "changed=1" in _run(server)
    nginx.start()
    try:
        assert "changed=1" in _run(instances)
        assert nginx.get(NAME).told["who"] == "portal"
        assert "changed=0" in _run(server, "--check")
        assert "changed=0" in _run(instances, "--check")
    finally:
        nginx.stop()


def _play(role: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": values, "roles": [role]}]


def _run(playbook: Path, *words: str) -> str:
    folder = Path(sys.executable).parent
    done = subprocess.run(
        [folder / "ansible-playbook", playbook, "-i", "localhost,", *words],
        env={**os.environ, "ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"), "PATH": f"{folder}:{os.environ['PATH']}"}
        | {"ANSIBLE_PYTHON_INTERPRETER": sys.executable, "ANSIBLE_INVENTORY_ENABLED": "host_list"},
        cwd=PLAYBOOKS,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert not done.returncode, done.stdout
    return done.stdout
