"""What the engine would say of a server and its instances, for tests."""

import sys
from typing import Any

import pyrage

from provisioner.embedded.layout import Layout
from provisioner.embedded.postgres import bin_dir
from worker.run import WARM

Variables = dict[str, Any]

HOSTILE_AR = "{{ lookup('pipe', 'id') }} $(id) `id` %(here)s 100%"
HOSTILE_FR = """<script>alert(1)</script> "; DROP TABLE x; -- {% raw %} \\ ' & ;\nsecond # line"""
HOSTILE = {"id": "x", "slug": "hostile", "name_ar": HOSTILE_AR, "name_fr": HOSTILE_FR, "name_en": ""}

PARAMETERS = {
    "open-data": {
        "contact_email": "contact@rabat.example",
        "licence": "odbl-1.0",
        "page_size": 25,
        "whole_tables": True,
        "accent": "blue",
    },
    "complaints": {
        "contact_email": "contact@rabat.example",
        "response_days": 10,
        "accept_anonymous": True,
        "main_language": "ar",
        "welcome": "",
    },
    "files": {
        "contact_email": "contact@rabat.example",
        "main_language": "ar",
        "public_deposit": True,
        "max_upload_mb": 1,
        "welcome": "",
    },
    "appointments": {
        "contact_email": "contact@rabat.example",
        "main_language": "ar",
        "opens_at": "08:30",
        "closes_at": "16:30",
        "slot_minutes": 30,
        "days_ahead": 5,
        "welcome": "",
    },
    "mail-registry": {
        "contact_email": "contact@rabat.example",
        "answer_days": 10,
        "services": "الشؤون القانونية | Affaires juridiques\n<b>1</b> $(id) | {{ lookup('pipe', 'id') }} & \"100%\"",
        "main_language": "ar",
    },
    "consultations": {
        "contact_email": "contact@rabat.example",
        "subject": HOSTILE_AR,
        "text": HOSTILE_FR,
        "open": True,
        "moderated": False,
        "comments_per_minute": 1000,
    },
    "visitors": {
        "contact_email": "contact@rabat.example",
        "welcome": HOSTILE_FR,
        "colour": "blue",
        "messages_shown": 20,
        "open": True,
        "founded_in": 2026,
    },
}
IDENTITY = pyrage.x25519.Identity.generate()  # opens the backups of the tests
SECRETS = {
    "admin_password": "canary-admin-%-1",
    "database_password": "canary-database-%-2",
    "secret_key": "canary-key-3",
}


def connection(layout: Layout) -> Variables:
    return {
        "ansible_connection": WARM,
        "ansible_host": "127.0.0.1",
        "ansible_python_interpreter": sys.executable,
        "host": {
            "name": "here",
            "root": str(layout.host_root),
            "supervisor_socket": str(layout.supervisor_socket),
            "supervisor_conf_dir": str(layout.supervisor_conf_dir),
            "postgres_bin": str(bin_dir(layout.tenants)),
            "postgres_socket_dir": str(layout.tenants.socket_dir),
            "postgres_port": layout.tenants.port,
            "postgres_superuser_password_file": str(layout.tenants.superuser_password_file),
            "python": sys.executable,
        },
        "controller": {"wheels": str(layout.state_dir / "wheels")},
    }


def backups(layout: Layout, **changes: Any) -> Variables:
    """Where backups are kept, and the keys to them."""
    return {
        "store": f"file://{layout.host_root}/store",
        "options": {},
        "recipient": str(IDENTITY.to_public()),
        "identity": str(IDENTITY),
        "expired": [],
        **changes,
    }


def backup(kept: Variables) -> Variables:
    """A kept backup, as the engine tells a run of it, from what the run that took it reported."""
    return {"id": kept["name"], "name": kept["name"], "sha256": kept["sha256"]}


def server(layout: Layout, app: str, version: str) -> Variables:
    return {
        **connection(layout),
        "runtime": {"app": app, "version": version, "lock": f"runtimes/{version}.txt"},
    }


def instance(
    layout: Layout, app: str, short_id: str, port: int, version: str, *, suspended: bool = False, **changes: Any
) -> Variables:
    """The variables of one instance; `changes` replaces whole groups of them, such as `administration`."""
    return {
        **connection(layout),
        "instance": {
            "id": f"00000000-0000-0000-0000-{short_id[1:]:0>12}",
            "short_id": short_id,
            "app": app,
            "environment": "production",
            "suspended": suspended,
            "url": f"http://127.0.0.1:{port}",
            "port": port,
            "bind": "127.0.0.1",
            "memory_mb": 64,
        },
        "administration": {
            "id": "00000000-0000-0000-0000-000000000001",
            "slug": "rabat",
            "name_ar": "عمالة الرباط",
            "name_fr": "Préfecture de Rabat",
            "name_en": "Prefecture of Rabat",
        },
        "release": {"version": version, "previous_version": ""},
        "parameters": PARAMETERS[app],
        "secrets": SECRETS,
        "job": {"id": "job-1", "action": "provision", "fence": 1},
        "backups": backups(layout),
        **changes,
    }
