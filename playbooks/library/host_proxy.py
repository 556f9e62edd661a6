"""Ansible module: what the proxy of a host is told once, however many names it serves."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.proxy_config import PAGES, configuration
from ansible.module_utils.proxy_map import (
    CERTIFICATES,
    KEYS,
    PORT,
    RELOADING,
    SITES,
    USED,
    Proxy,
    ProxyError,
    generation_in,
    put,
    run,
    text_of,
)
from ansible.module_utils.proxy_words import check_pair, checked_name, checked_path

DOCUMENTATION = r"""
module: host_proxy
short_description: What the proxy of a host is told once, however many names it serves
description:
  - Writes the configuration of nginx. The names and where they lead stand in files that M(instance_site) changes.
  - Nothing counts that nginx does not accept (C(nginx -t)), and what it does not accept is put back as it was.
options:
  folder:
    description: Folder of the proxy.
    type: path
    required: true
  standalone:
    description:
      - Whether C(nginx.conf) in the folder is a whole configuration, for C(nginx -c); who starts it is left to others.
      - Otherwise nginx is that of the distribution, and finds the configuration at C(included).
    type: bool
    default: false
  included:
    description: File of the configuration if it is not standalone.
    type: path
    default: /etc/nginx/conf.d/provisioner.conf
  nginx:
    description: The program.
    type: path
    default: /usr/sbin/nginx
  reload:
    description:
      - The command, with its arguments, that makes nginx read its files again.
      - Without, it is left to others; for a proxy that has not been started yet.
    type: list
    elements: str
    default: []
  user:
    description: Whose rights the workers of nginx have, if it is started by root.
    type: str
    default: www-data
  http_port:
    description: Port for HTTP.
    type: int
    default: 80
  https_port:
    description: Port for HTTPS.
    type: int
    default: 443
  tls:
    description:
      - Whether it serves HTTPS. Names that have a certificate are then redirected to it.
      - The workers read certificates and keys when somebody comes, so a new one needs no reload, and keys have to be
        readable by their user.
    type: bool
    default: false
  certificate:
    description: File with the certificate, and its chain, of names that have none of their own.
    type: path
  key:
    description: File with its private key.
    type: path
  covers:
    description: The names that this certificate is for, such as C(*.apps.example); empty if it is for all.
    type: list
    elements: str
    default: []
  acme:
    description: The webroot in which a client of an authority puts C(.well-known/acme-challenge), served over HTTP.
    type: path
  max_body:
    description: How large a request may be, as nginx spells it.
    type: str
    default: 2000m
author: The authors of Provisioner
"""

EXAMPLES = r"""
- name: Have the names of this host served
  host_proxy:
    folder: /srv/provisioner/proxy
    reload: [nginx, -s, reload]
    tls: true
    certificate: /etc/provisioner/apps.pem
    key: /etc/provisioner/apps.key
    covers: ["*.apps.example"]
"""

RETURN = r"""
drift:
  description: What differed from the wanted state, in sentences.
  type: list
  elements: str
  returned: always
"""

FOLDER_MODE, PAGE_MODE = 0o755, 0o644  # the workers read the pages
USED_MODE = 0o700  # of the workers alone: whoever else is on the host learns from it neither names nor visits
FOLDERS = ("pages", USED, "logs", "temp")
SIZE = re.compile(r"[0-9]+[kmg]?")
USER = re.compile(r"[a-z_][a-z0-9_-]*")


def check(params: dict[str, Any]) -> None:
    for option, pattern in (("max_body", SIZE), ("user", USER)):
        if not pattern.fullmatch(params[option]):
            raise ValueError(f"{option} cannot be {params[option]!r}")
    for name in ("folder", "included", "acme", "certificate", "key"):
        if params[name]:
            checked_path(params[name])
    for name in params["covers"]:
        checked_name(name.removeprefix("*."))
    if params["certificate"]:
        check_pair(params["certificate"], params["key"])
    if params["key"] and os.geteuid() == 0:
        check_readable(params["user"], params["key"])


def check_readable(user: str, path: str) -> None:
    """nginx would find out when somebody comes, for its workers and not root read it."""
    try:
        run(["runuser", "-u", user, "--", "test", "-r", path])
    except ProxyError as problem:
        raise ValueError(f"{user}, as whom nginx works, cannot read {path}") from problem


def main_file(params: dict[str, Any]) -> Path:
    return Path(params["folder"], "nginx.conf") if params["standalone"] else Path(params["included"])


def wanted(params: dict[str, Any]) -> dict[Path, str]:
    folder, user = Path(params["folder"]), params["user"] if os.geteuid() == 0 else ""
    return {
        main_file(params): configuration(params, user),
        folder / PORT: f"{params['http_port']}\n",
        **{folder / "pages" / page: text for page, text in PAGES.items()},
    }


def folders(params: dict[str, Any]) -> list[Path]:
    root = Path(params["folder"])
    own = [root, *(root / name for name in FOLDERS[: 4 if params["standalone"] else 2])]
    return own + ([Path(params["acme"])] if params["acme"] else [])


def differences(params: dict[str, Any], files: dict[Path, str]) -> list[str]:
    missing = [f"proxy: there is no folder {path}" for path in folders(params) if not path.is_dir()]
    return missing + [f"proxy: {path.name} differs" for path, text in files.items() if text_of(path) != text]


def diff(files: dict[Path, str]) -> list[dict[str, str]]:
    return [
        {"before_header": str(path), "after_header": str(path), "before": text_of(path), "after": text}
        for path, text in files.items()
        if text_of(path) != text
    ]


def prepare(params: dict[str, Any], proxy: Proxy) -> None:
    """The folders, and the files of names as long as there are none."""
    for path in folders(params):
        if not path.is_dir():
            path.mkdir(parents=True)
            path.chmod(USED_MODE if path.name == USED else FOLDER_MODE)
            if path.name == USED and os.geteuid() == 0:
                shutil.chown(path, params["user"])
    for file in (CERTIFICATES, KEYS):
        if not (proxy.folder / file).exists():
            put(proxy.folder / file, proxy.text(file))


def write(files: dict[Path, str]) -> None:
    for path, text in files.items():
        if text_of(path) != text:
            put(path, text, PAGE_MODE)


def put_back(before: dict[Path, str]) -> None:
    for path, text in before.items():
        if text:
            put(path, text, PAGE_MODE)
        else:
            path.unlink(missing_ok=True)


def mend(params: dict[str, Any], proxy: Proxy, files: dict[Path, str]) -> None:
    """The generation comes first: if this breaks off, the next call sees that nginx has not read it."""
    before = {path: text_of(path) for path in files}
    proxy.renew()
    try:
        write(files)
        run([params["nginx"], "-t", *(["-c", str(main_file(params))] if params["standalone"] else [])])
        if proxy.reload:
            proxy.load_all()
    except (ProxyError, OSError):
        put_back(before)
        raise


def converge(params: dict[str, Any], proxy: Proxy, files: dict[Path, str]) -> list[str]:
    found = differences(params, files)
    prepare(params, proxy)
    with proxy.locked(RELOADING):
        if found:
            mend(params, proxy, files)
        elif proxy.reload and generation_in(proxy.text(SITES)) > proxy.loaded():
            proxy.load_all()
    return found


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "standalone": {"type": "bool", "default": False},
            "included": {"type": "path", "default": "/etc/nginx/conf.d/provisioner.conf"},
            "nginx": {"type": "path", "default": "/usr/sbin/nginx"},
            "reload": {"type": "list", "elements": "str", "default": []},
            "user": {"type": "str", "default": "www-data"},
            "http_port": {"type": "int", "default": 80},
            "https_port": {"type": "int", "default": 443},
            "tls": {"type": "bool", "default": False},
            "certificate": {"type": "path"},
            "key": {"type": "path", "no_log": False},
            "covers": {"type": "list", "elements": "str", "default": []},
            "acme": {"type": "path"},
            "max_body": {"type": "str", "default": "2000m"},
        },
        required_together=[("certificate", "key")],
        supports_check_mode=True,
    )
    proxy = Proxy(module.params["folder"], module.params["reload"])
    try:
        check(module.params)
        files = wanted(module.params)
        shown = diff(files)
        found = differences(module.params, files) if module.check_mode else converge(module.params, proxy, files)
    except (OSError, ValueError, ProxyError) as problem:
        module.fail_json(msg=f"The proxy could not be set up: {problem}")
    module.exit_json(changed=bool(found), drift=found, diff=shown)


if __name__ == "__main__":
    main()
