"""Ansible module: give an instance its own role and database."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.tenant_postgres import CONNECTION, ClusterError, Database, fits, verifier

DOCUMENTATION = r"""
module: instance_database
short_description: Give an instance its own role and database
description:
  - Creates a role and a database of the same name in the tenants' cluster of the host, closed to every other role.
  - Only the verifier of the password is sent, never the password.
options:
  bin:
    description: Folder of psql.
    type: path
    required: true
  socket_dir:
    description: Folder of the cluster's unix socket.
    type: path
    required: true
  port:
    description: Port of the cluster, part of its socket's name.
    type: int
    default: 5432
  superuser_password_file:
    description: File with the password of the cluster's superuser; without it, everybody is known by their unix user.
    type: path
  name:
    description: Name of the role and of the database.
    type: str
    required: true
  password:
    description: Password of the role, in ASCII.
    type: str
    required: true
author: The authors of Provisioner
"""

EXAMPLES = r"""
- name: Give the instance its database
  instance_database:
    bin: /usr/lib/postgresql/18/bin
    socket_dir: /run/tenants
    superuser_password_file: /srv/provisioner/postgres/superuser.pw
    name: a1b2c3d4e5
    password: "{{ secrets.database_password }}"
"""

RETURN = r"""
drift:
  description: What differed from the wanted state, in sentences.
  type: list
  elements: str
  returned: always
"""

ROLE_OPTIONS = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"


NO_ROLE, OTHER_PASSWORD, NO_DATABASE = "there is no role", "the role has another password", "there is no database"


def differences(database: Database) -> list[str]:
    stored = database.as_superuser(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{database.name}'")  # noqa: S608 - IDENTIFIER
    found = []
    if not stored:
        found.append(NO_ROLE)
    elif not fits(database.password, stored):
        found.append(OTHER_PASSWORD)
    if not database.exists():
        found.append(NO_DATABASE)
    return found


def diff(name: str, found: list[str]) -> dict[str, str]:
    """What is there beside what shall be; of a password only whether it is the one that is wanted."""
    wanted = f"role {name}\nits password\ndatabase {name}\n"
    before = "" if NO_ROLE in found else f"role {name}\n"
    before += "" if {NO_ROLE, OTHER_PASSWORD} & set(found) else "its password\n"
    before += "" if NO_DATABASE in found else f"database {name}\n"
    return {"before": before, "after": wanted}


def mend(database: Database, found: list[str]) -> None:
    if NO_ROLE in found:
        database.as_superuser(f"CREATE ROLE {database.name} {ROLE_OPTIONS}")
    if found != [NO_DATABASE]:
        database.as_superuser(f"ALTER ROLE {database.name} PASSWORD '{verifier(database.password)}'")
    if NO_DATABASE in found:
        database.create()


def main() -> None:
    module = AnsibleModule(argument_spec=CONNECTION, supports_check_mode=True)
    try:
        database = Database.of(module.params)
        found = differences(database)
        if found and not module.check_mode:
            mend(database, found)
    except (ClusterError, OSError, UnicodeEncodeError) as refusal:
        module.fail_json(msg=f"The database of the instance could not be prepared. {refusal}")
    drift = [f"database: {difference}" for difference in found]
    module.exit_json(changed=bool(found), drift=drift, diff=diff(database.name, found) if found else {})


if __name__ == "__main__":
    main()
