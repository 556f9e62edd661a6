"""The classes of the tracker and who may do what with them. Roundup executes this file."""
# ruff: noqa: F821 - Roundup provides the names

import json
from pathlib import Path

PARAMETERS = json.loads(Path(db.config.HOME, "facts.json").read_text(encoding="utf-8"))["parameters"]

user = Class(
    db,
    "user",
    username=String(),
    password=Password(),
    address=String(),
    realname=String(),
    timezone=String(),
    roles=String(),
)
user.setkey("username")

status = Class(db, "status", name=String(), label_ar=String(), label_fr=String(), order=Number())
status.setkey("name")

service = Class(db, "service", name=String(), label_ar=String(), label_fr=String(), order=Number())
service.setkey("name")

issue = Class(
    db,
    "issue",
    title=String(indexme="yes"),
    description=String(indexme="yes"),
    citizen_name=String(),
    citizen_contact=String(),
    service=Link("service"),
    status=Link("status"),
    assigned_to=Link("user"),
    due=Date(),
    answer=String(indexme="yes"),
)
issue.setlabelprop("title")

CITIZEN_FIELDS = ("title", "description", "citizen_name", "citizen_contact", "service")


def own_record(db: object, userid: str, itemid: str) -> bool:  # noqa: ARG001 - called by name
    return userid == itemid


for role in ("User", "Anonymous"):
    db.security.addPermissionToRole(role, "Web Access")
    for klass in ("status", "service"):
        db.security.addPermissionToRole(role, "View", klass)

db.security.addPermissionToRole("User", "Rest Access")
for permission in ("View", "Edit", "Create"):
    db.security.addPermissionToRole("User", permission, "issue")
for name, check, properties in (
    ("View", None, ("id", "username", "realname")),
    ("View", own_record, None),
    ("Edit", own_record, ("password", "address", "realname", "timezone")),
):
    db.security.addPermissionToRole(
        "User", db.security.addPermission(name=name, klass="user", check=check, properties=properties)
    )

if PARAMETERS["accept_anonymous"]:
    db.security.addPermissionToRole(
        "Anonymous", db.security.addPermission(name="Create", klass="issue", properties=CITIZEN_FIELDS)
    )
