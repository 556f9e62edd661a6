"""What comes in and goes out about hosts, for the API, forms and commands alike.

What people say of a host reaches ssh and Ansible, so each value has a narrow form.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from babel import Locale
from flask_babel import gettext
from marshmallow import Schema, ValidationError, fields, post_load, validates_schema
from marshmallow.validate import Length, NoneOf, OneOf, Range, Regexp

from provisioner.catalogue.manifest import LABEL
from provisioner.db import Json
from provisioner.errors import marked as _l
from provisioner.estate.drain_schemas import EmptyingView
from provisioner.estate.preparing import Wish
from provisioner.estate.queries import Outlook
from provisioner.hosts.balancing import Why
from provisioner.hosts.models import Connection, HostState
from provisioner.hosts.service import NewHost
from provisioner.hosts.weighing import Unfit
from provisioner.jobs.schemas import REASON

# Groups and hosts that Ansible knows, and words that stand in the place of a name in our addresses.
TAKEN = ("all", "ungrouped", "localhost", "servers", "instances", "arrivals", "new", "placement", "rebalance")
NAME = [
    Regexp(
        r"^[a-z]([a-z0-9-]{0,30}[a-z0-9])?\Z",
        error=_l("Small letters, digits and hyphens, at most 32, a letter first."),
    ),
    NoneOf(TAKEN, error=_l("This name means something else already.")),
]
SITE = Regexp(
    r"^[a-z0-9]([a-z0-9_.-]{0,38}[a-z0-9])?\Z", error=_l("Small letters, digits, dots, hyphens and underscores.")
)
USER = Regexp(r"^[a-z_][a-z0-9_-]{0,31}\Z", error=_l("This is no name of a user."))
KEY_FILE = Regexp(
    r"^(/(?!\.\.?(/|\Z))[A-Za-z0-9._@+-]+){1,20}\Z",
    error=_l("A whole path is needed: letters, digits and ._@+- in it."),
)
HOST_NAME = re.compile(r"(?=.{1,253}\Z)((?!-)[a-z0-9-]{1,63}(?<!-)\.)*(?!-)(?!\d+\Z)[a-z0-9-]{1,63}(?<!-)")
NO_COUNTRIES = {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}  # other words that stand among them
COUNTRY = OneOf(
    sorted({code for code in map(str, Locale("en").territories) if re.fullmatch("[A-Z]{2}", code)} - NO_COUNTRIES),
    error=_l("A country is needed, by its ISO code of two letters."),
)
LARGEST = 100_000_000  # MB
MOST_APPLIED = 10_000
MOST_LABELS = Length(max=20)


class Address(fields.String):
    """A host name or an IP address, in small letters."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> str:
        text = super()._deserialize(value, attr, data, **more).lower()
        if not (HOST_NAME.fullmatch(text) or _is_ip(text)):
            raise ValidationError("A host name or an IP address is needed.")
        return text


def _is_ip(text: str) -> bool:
    try:
        return str(ip_address(text)) == text and "%" not in text
    except ValueError:
        return False


class Typed(fields.List[str]):
    """Words as people type them, with commas or spaces between them."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> list[Any]:
        words = [word for text in value for word in re.split(r"[\s,،]+", text) if word]
        return super()._deserialize(words, attr, data, **more)


class HostChange(Schema):
    """What is left out stays as it is."""

    address = Address(metadata={"description": "A host name or an IP address."})
    site = fields.String(validate=SITE, metadata={"description": "The queue of the workers that can reach it."})
    country = fields.String(validate=COUNTRY, metadata={"description": "Where it stands: an ISO code of two letters."})
    memory_mb = fields.Integer(
        validate=Range(1, LARGEST), allow_none=True, metadata={"description": "For all its instances; null: no limit."}
    )
    disk_mb = fields.Integer(validate=Range(1, LARGEST), allow_none=True)
    labels = fields.List(
        fields.String(validate=LABEL),
        validate=MOST_LABELS,
        metadata={"description": "What apps ask for by `host_labels`."},
    )
    slots = fields.Integer(
        validate=Range(1, 1000), metadata={"description": "On how many of its instances jobs may act at once."}
    )
    port = fields.Integer(validate=Range(1, 65535), metadata={"description": "Of its SSH server; 22 if not said."})
    user = fields.String(validate=USER, metadata={"description": "Whom Ansible signs in as."})
    private_key_file = fields.String(
        validate=KEY_FILE, metadata={"description": "A path on the workers of the site; the key itself stays there."}
    )
    host_key = fields.String(
        validate=Length(1, 10_000),
        metadata={"description": "The pinned keys: lines as `ssh-keyscan` prints them, or `ssh-ed25519 AAAA...`."},
    )
    reason = fields.String(required=True, validate=REASON, metadata={"description": "Kept in the audit."})


class HostPatch(HostChange):
    state = fields.Enum(
        HostState, by_value=True, metadata={"description": "`retired` only without instances; `draining`: to be empty."}
    )


class HostRequest(HostChange):
    """A server that is reached by SSH. It gets no instances before it is prepared."""

    name = fields.String(required=True, validate=NAME)
    address = Address(required=True, metadata={"description": "A host name or an IP address."})
    site = fields.String(
        required=True, validate=SITE, metadata={"description": "The queue of the workers that can reach it."}
    )
    user = fields.String(required=True, validate=USER, metadata={"description": "Whom Ansible signs in as."})
    private_key_file = fields.String(
        required=True,
        validate=KEY_FILE,
        metadata={"description": "A path on the workers of the site; the key itself stays there."},
    )
    host_key = fields.String(
        required=True,
        validate=Length(1, 10_000),
        metadata={"description": "The pinned keys: lines as `ssh-keyscan` prints them, or `ssh-ed25519 AAAA...`."},
    )

    @post_load
    def _wanted(self, given: Json, **_: Any) -> NewHost:
        return NewHost(**given)


class HostForm(HostRequest):
    """HostRequest as a form."""

    labels = Typed(fields.String(validate=LABEL), validate=MOST_LABELS)


class HostChangeForm(HostChange):
    """HostChange as a form, in which an empty field says that there is none."""

    memory_mb = fields.Integer(validate=Range(1, LARGEST), load_default=None)
    disk_mb = fields.Integer(validate=Range(1, LARGEST), load_default=None)
    labels = Typed(fields.String(validate=LABEL), validate=MOST_LABELS, load_default=list)


class PrepareRequest(Schema):
    """Making a server fit for instances. What is left out stays as it was at the last time."""

    root = fields.String(validate=KEY_FILE, metadata={"description": f"The folder of the instances: {Wish.root}."})
    install = fields.Boolean(metadata={"description": "Let it install what it lacks this time, from its own sources."})
    certificate = fields.String(
        allow_none=True,
        validate=KEY_FILE,
        metadata={"description": "A path on the server; with it its instances are reached by HTTPS; null: without."},
    )
    key = fields.String(allow_none=True, validate=KEY_FILE, metadata={"description": "Of the certificate."})
    certificates = fields.String(
        allow_none=True,
        validate=KEY_FILE,
        metadata={
            "description": "A folder on the server with certificates of single names: `<name>/fullchain.pem` and "
            "`<name>/privkey.pem`."
        },
    )
    acme = fields.String(
        allow_none=True,
        validate=KEY_FILE,
        metadata={"description": "A folder on the server, the webroot of a client of a certificate authority (ACME)."},
    )
    reason = fields.String(required=True, validate=REASON)

    @validates_schema
    def _is_a_pair(self, data: Json, **_: Any) -> None:
        if len({type(data.get(name, ...)) for name in ("certificate", "key")}) > 1:  # a path, null, or left out
            raise ValidationError("A certificate needs its key, and a key its certificate.", "key")


class PrepareForm(PrepareRequest):
    """PrepareRequest as a form, in which an empty field says that there is none."""

    certificate = fields.String(validate=KEY_FILE, load_default=None)
    key = fields.String(validate=KEY_FILE, load_default=None)
    certificates = fields.String(validate=KEY_FILE, load_default=None)
    acme = fields.String(validate=KEY_FILE, load_default=None)


class PreparationView(Schema):
    """The newest preparation of a host."""

    asked_at = fields.AwareDateTime()
    began_at = fields.AwareDateTime(allow_none=True)
    ended_at = fields.AwareDateTime(allow_none=True)
    failure = fields.String(allow_none=True, metadata={"description": "What was printed last, if it did not succeed."})


class TurnForm(Schema):
    state = fields.Enum(HostState, by_value=True, required=True)
    reason = fields.String(required=True, validate=REASON)


class UsedView(Schema):
    """What instances, planned ones among them, have taken by the manifests of their apps."""

    instances = fields.Integer()
    memory_mb = fields.Integer()
    disk_mb = fields.Integer()


class AccessView(Schema):
    port = fields.Integer()
    user = fields.String()
    private_key_file = fields.String()
    fingerprints = fields.List(fields.String(), metadata={"description": "Of the pinned keys."})


class HostView(Schema):
    id = fields.UUID()
    name = fields.String()
    address = fields.String()
    connection = fields.Enum(Connection, by_value=True)
    site = fields.String(metadata={"description": "The queue of the workers that can reach it."})
    country = fields.String(metadata={"description": "Where it stands: an ISO code of two letters."})
    state = fields.Enum(HostState, by_value=True)
    prepared = fields.Boolean(metadata={"description": "Whether it has what instances stand on."})
    isolated = fields.Boolean(metadata={"description": "Whether its instances are told apart by name, without ports."})
    slots = fields.Integer(metadata={"description": "On how many of its instances jobs may act at once."})
    parked_at = fields.AwareDateTime(allow_none=True, metadata={"description": "Since when it does not answer, if so."})
    probe_at = fields.AwareDateTime(allow_none=True, metadata={"description": "When it is looked for again."})
    memory_mb = fields.Integer(allow_none=True, metadata={"description": "For all its instances; null: no limit."})
    disk_mb = fields.Integer(allow_none=True)
    labels = fields.List(fields.String())
    port_first = fields.Integer(allow_none=True)
    port_last = fields.Integer(allow_none=True)
    ssh = fields.Nested(AccessView, allow_none=True)
    used = fields.Nested(UsedView)
    drain = fields.Nested(EmptyingView, allow_none=True, metadata={"description": "Of one that is draining."})


class HostsView(Schema):
    """All hosts at once, in the form of a page: an estate has a few dozen."""

    items = fields.List(fields.Nested(HostView))
    next = fields.String(allow_none=True)


class OutlookQuery(Schema):
    app = fields.String(required=True)
    count = fields.Integer(load_default=1, validate=Range(1, MOST_APPLIED))


class ShareView(Schema):
    host = fields.String()
    instances = fields.Integer(metadata={"description": "How many it would get."})
    refusal = fields.Enum(
        Unfit, by_value=True, allow_none=True, metadata={"description": "Why it would get no more, if so."}
    )


def told(outlook: Outlook) -> str | None:
    """Why there would be no room for one more, to the reader."""
    stopped = outlook.stopped
    return gettext(stopped.message, **stopped.details) if stopped else None


class OutlookView(Schema):
    """Where instances would go, as things stand; nothing is reserved."""

    app = fields.String()
    count = fields.Integer()
    placed = fields.Integer(metadata={"description": "How many of them would find a place."})
    hosts = fields.List(fields.Nested(ShareView), attribute="shares")
    stopped = fields.Function(
        told, metadata={"type": "string", "nullable": True, "description": "Why one more would find none, if so."}
    )


class ProposalView(Schema):
    instance_id = fields.UUID()
    hostname = fields.String(attribute="instance.hostname")
    source = fields.String(data_key="from")
    to = fields.String()
    why = fields.Enum(Why, by_value=True)


class ProposalsView(Schema):
    """A short list, in the form of a page. The moves are meant in this order."""

    items = fields.List(fields.Nested(ProposalView))
    next = fields.String(allow_none=True)
