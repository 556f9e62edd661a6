"""The classes of the registry and who may do what with them. Roundup executes this file."""
# ruff: noqa: F821 - Roundup provides the names

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

direction = Class(db, "direction", name=String(), letter=String(), label_ar=String(), label_fr=String(), order=Number())
direction.setkey("name")

status = Class(db, "status", name=String(), label_ar=String(), label_fr=String(), order=Number())
status.setkey("name")

service = Class(db, "service", name=String(), label_ar=String(), label_fr=String(), order=Number())
service.setkey("name")

file = FileClass(db, "file", name=String())

mail = Class(
    db,
    "mail",
    direction=Link("direction"),
    year=Integer(),
    number=Integer(),
    reference=String(),
    entered=Date(),
    dated=Date(),
    correspondent=String(),
    their_reference=String(),
    subject=String(),
    note=String(),
    service=Link("service"),
    assigned_to=Link("user"),
    due=Date(),
    status=Link("status"),
    answers=Link("mail"),
    files=Multilink("file"),
)
mail.setlabelprop("reference")

# Whoever enters mail says the direction once; number, year, reference and date of entry are the registry's own.
WRITTEN = (
    "dated",
    "correspondent",
    "their_reference",
    "subject",
    "note",
    "service",
    "assigned_to",
    "due",
    "status",
    "answers",
    "files",
)


def own_record(db: object, userid: str, itemid: str) -> bool:  # noqa: ARG001 - called by name
    return userid == itemid


def allow(role: str, name: str, klass: str, properties: tuple[str, ...]) -> None:
    permission = db.security.addPermission(name=name, klass=klass, properties=properties)
    db.security.addPermissionToRole(role, permission)


db.security.addRole(name="Reader", description="Reads the registry")
for role in ("User", "Reader", "Anonymous"):  # the first page, which asks for a password, is for everybody
    db.security.addPermissionToRole(role, "Web Access")

for role in ("User", "Reader"):
    db.security.addPermissionToRole(role, "Rest Access")
    for klass in ("mail", "file", "direction", "status", "service"):
        db.security.addPermissionToRole(role, "View", klass)
    allow(role, "View", "user", ("id", "username", "realname"))
    for name, properties in (("View", None), ("Edit", ("password", "address", "realname"))):
        db.security.addPermissionToRole(
            role, db.security.addPermission(name=name, klass="user", check=own_record, properties=properties)
        )

allow("User", "Create", "mail", ("direction", *WRITTEN))
allow("User", "Edit", "mail", WRITTEN)
db.security.addPermissionToRole("User", "Create", "file")
