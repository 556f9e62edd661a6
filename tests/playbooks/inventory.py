"""What the engine would say of a server and its instances, for tests."""

import sys
from typing import Any

from provisioner.embedded.layout import Layout
from provisioner.embedded.postgres import bin_dir

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
}
SECRETS = {
    "admin_password": "canary-admin-%-1",
    "database_password": "canary-database-%-2",
    "secret_key": "canary-key-3",
}


def connection(layout: Layout) -> Variables:
    return {
        "ansible_connection": "local",
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
    }


def server(layout: Layout, app: str, version: str) -> Variables:
    return {
        **connection(layout),
        "runtime": {"app": app, "version": version, "lock": f"runtimes/{version}.txt"},
    }


def instance(layout: Layout, app: str, short_id: str, port: int, version: str, **changes: Any) -> Variables:
    """The variables of one instance; `changes` replaces whole groups of them, such as `administration`."""
    return {
        **connection(layout),
        "instance": {
            "id": f"00000000-0000-0000-0000-{short_id[1:]:0>12}",
            "short_id": short_id,
            "app": app,
            "environment": "production",
            "url": f"http://127.0.0.1:{port}",
            "port": port,
            "bind": "127.0.0.1",
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
        **changes,
    }
