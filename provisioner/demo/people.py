"""A user for each role, and the register: what the demo starts from."""

from io import BytesIO, TextIOWrapper

from provisioner.accounts import passwords, queries as accounts, service as account_service
from provisioner.accounts.policy import Role
from provisioner.accounts.service import NewAccount
from provisioner.administrations.importing import applying, planning
from provisioner.db import transaction
from provisioner.demo import register

USERS = {
    "admin": ("Samira Administratrice", Role.ADMINISTRATOR),
    "operator": ("Omar Exploitant", Role.OPERATOR),
    "approver": ("Amina Valideuse", Role.APPROVER),
    "viewer": ("Youssef Lecteur", Role.VIEWER),
    "auditor": ("Nadia Auditrice", Role.AUDITOR),
}


def enter_register() -> int:
    """Import the demo register as an operator would; returns how many administrations are new."""
    file = BytesIO()
    with transaction():
        text = TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        register.write_csv(text)
        file.seek(0)
        plan = planning.plan(file)
        applying.apply(plan)
        text.detach()
    return plan.tally[planning.Outcome.CREATED]


def enter_users() -> dict[str, tuple[Role, str]]:
    """A user for each role, unless it exists: role and one-time password of the new ones, by user name."""
    made = {}
    for username, (name, role) in USERS.items():
        if accounts.named(username) is None:
            password = passwords.generated()
            with transaction():
                account_service.create_account(NewAccount(username, name, password, roles=frozenset({role})))
            made[username] = (role, password)
    return made
