"""Ansible module: have an instance served under its name by the proxy of its host."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.proxy_map import CERTIFICATES, KEYS, SITES, USED, Proxy, ProxyError, entry, generation_in
from ansible.module_utils.proxy_words import check_pair, checked_name, checked_path, checked_upstream

DOCUMENTATION = r"""
module: instance_site
short_description: Have an instance served under its name by the proxy of its host
description:
  - Changes one line of the proxy's names and has nginx read them again. Of many at once, few reload - who finds that
    its line was read by the reload of another is done.
  - When it ends, nginx serves the name. If nginx cannot read its files, the line is put back as it was.
  - The proxy itself comes from M(host_proxy).
options:
  name:
    description: Host name, in small letters, as DNS has it.
    type: str
    required: true
  state:
    description: Whether the name is served.
    type: str
    choices: [present, absent]
    default: present
  upstream:
    description: Where the instance listens, C(unix:/path) or C(address:port); needed if it is served.
    type: str
  certificates:
    description:
      - Folder of certificates that are for one name, as clients of an authority (ACME) lay them out - C(fullchain.pem),
        the certificate with its chain, and C(privkey.pem), which the workers of nginx can read, in a folder named like
        the name. A name that has none has that of the proxy.
    type: path
  folder:
    description: Folder of the proxy.
    type: path
    required: true
  reload:
    description: The command, with its arguments, that makes nginx read its files again.
    type: list
    elements: str
    required: true
author: The authors of Provisioner
"""

EXAMPLES = r"""
- name: Serve the portal
  instance_site:
    name: open-data.region-oriental.example
    upstream: unix:/srv/provisioner/instances/a1b2c3d4e5/run/web.sock
    folder: /srv/provisioner/proxy
    reload: [nginx, -s, reload]
"""

RETURN = r"""
drift:
  description: What differed from the wanted state, in sentences.
  type: list
  elements: str
  returned: always
last_used:
  description: When somebody last asked for the name, in ISO 8601; empty if that is not known.
  type: str
  returned: always
reloaded:
  description: Whether this call reloaded nginx; false if there was nothing to do or another did it.
  type: bool
  returned: always
"""

LONG = 1 << 20  # bytes of a file of which the time alone is of interest
OWN = ("fullchain.pem", "privkey.pem")
NOT_READ = "site: the proxy has not read it yet"


def wanted(params: dict[str, Any]) -> dict[str, str]:
    """The entries of the name, by file; empty where it has none."""
    checked_name(params["name"])
    if params["state"] == "absent":
        return dict.fromkeys((SITES, CERTIFICATES, KEYS), "")
    pair = pair_of(params["certificates"], params["name"])
    files = {file: f"{path};" if path else "" for file, path in zip((CERTIFICATES, KEYS), pair, strict=True)}
    return {SITES: f"{checked_upstream(params['upstream'])};", **files}


def pair_of(folder: str | None, name: str) -> list[str]:
    """The files of its own certificate and key, each empty if it has none."""
    pair = [f"{folder}/{name}/{file}" for file in OWN]
    if not folder or not any(Path(file).exists() for file in pair):
        return ["", ""]
    check_pair(*map(checked_path, pair))
    return pair


def is_read(proxy: Proxy, name: str) -> bool:
    """Whether nginx was reloaded since the line of the name, or if it has none, any line was written."""
    text = proxy.text(SITES)
    line = entry(text, name)
    since = line.rpartition("# ")[2] if line else str(generation_in(text))
    return since.isdigit() and int(since) <= proxy.loaded()


def differences(proxy: Proxy, name: str, entries: dict[str, str]) -> list[str]:
    has = {file: entry(proxy.text(file), name).partition(" # ")[0] for file in entries}
    if not entries[SITES]:
        return ["site: it is there"] if any(has.values()) else []
    found = []
    if has[SITES] != entries[SITES]:
        found.append("site: it leads elsewhere" if has[SITES] else "site: it is missing")
    if any(has[file] != entries[file] for file in (CERTIFICATES, KEYS)):
        found.append("site: its certificate differs")
    return found or ([] if is_read(proxy, name) else [NOT_READ])


def diff(proxy: Proxy, name: str, entries: dict[str, str]) -> dict[str, str]:
    before = entry(proxy.text(SITES), name).partition(" # ")[0]
    lines = {"before": before, "after": entries[SITES]}
    shown = {when: f"{name} {line}\n" if line else "" for when, line in lines.items()}
    return {"before_header": SITES, "after_header": SITES, **shown}


def last_used(file: Path) -> str:
    """When somebody last asked for the name; empty if that is not known."""
    return datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat() if file.exists() else ""


def tidy(file: Path, *, gone: bool) -> None:
    """Nothing but the time of the last use is kept, and that as long as there is the name."""
    if gone:
        file.unlink(missing_ok=True)
    elif file.exists() and file.stat().st_size > LONG:
        found = file.stat()
        os.truncate(file, 0)
        os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))


def mend(proxy: Proxy, name: str, entries: dict[str, str], found: list[str]) -> bool:
    """Whether it took a reload of its own."""
    if found and found != [NOT_READ]:
        before, generation = proxy.change(name, entries)
        return proxy.load(generation, put_back=lambda: proxy.change(name, before))
    if is_read(proxy, name):
        return False
    return proxy.load(generation_in(proxy.text(SITES)), put_back=lambda: None)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "upstream": {"type": "str"},
            "certificates": {"type": "path"},
            "folder": {"type": "path", "required": True},
            "reload": {"type": "list", "elements": "str", "required": True},
        },
        required_if=[("state", "present", ("upstream",))],
        supports_check_mode=True,
    )
    name, proxy = module.params["name"], Proxy(module.params["folder"], module.params["reload"])
    try:
        entries = wanted(module.params)
        found, shown = differences(proxy, name, entries), diff(proxy, name, entries)
        used = proxy.folder / USED / name
        since = last_used(used)
        reloaded = not module.check_mode and mend(proxy, name, entries, found)
        if not module.check_mode:
            tidy(used, gone=not entries[SITES])
    except (OSError, ValueError, ProxyError) as problem:
        module.fail_json(msg=f"The site could not be {module.params['state']}: {problem}")
    module.exit_json(changed=bool(found), drift=found, diff=shown, reloaded=reloaded, last_used=since)


if __name__ == "__main__":
    main()
