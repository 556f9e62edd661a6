"""What comes in and goes out about administrations, for the API and forms alike."""

from marshmallow import Schema, fields

from provisioner.administrations.kinds import Kind, Language, NameType
from provisioner.listing import AsOfQuery, ListQuery

REFERENCE = {"description": "Another administration: its id, its label, or a code as scheme:value."}
BY_LANGUAGE = {"description": "By language: ar, fr, en or zgh."}
BY_SCHEME = {"description": "By scheme: hcp, ice, iso3166-2 ..."}


class AdministrationsQuery(ListQuery, AsOfQuery):
    text = fields.String(metadata={"description": "Words of a name in any language, a code or a label."})
    kind = fields.Enum(Kind, by_value=True)
    parent = fields.String(metadata=REFERENCE)
    territory = fields.String(metadata=REFERENCE)
    region = fields.String(metadata={"description": "Everything below it, or with its territory there."})
    closed = fields.Boolean(metadata={"description": "Without it: the open and the closed ones."})


class LinksRequest(Schema):
    """What makes the place of an administration among the others."""

    parent = fields.String(load_default=None, allow_none=True, metadata=REFERENCE)
    supervisor = fields.String(load_default=None, allow_none=True, metadata=REFERENCE)
    territory = fields.String(load_default=None, allow_none=True, metadata=REFERENCE)


class AdministrationRequest(LinksRequest):
    kind = fields.Enum(Kind, by_value=True, required=True)
    slug = fields.String(load_default=None, metadata={"description": "Without it one is made of the French name."})
    names = fields.Dict(fields.String(), fields.String(), required=True, metadata=BY_LANGUAGE)
    identifiers = fields.Dict(fields.String(), fields.String(), load_default=dict, metadata=BY_SCHEME)


class EditRequest(Schema):
    """What is left out stays as it is; a link of null is taken away."""

    kind = fields.Enum(Kind, by_value=True)
    slug = fields.String(metadata={"description": "Cannot change once an instance has it in its address."})
    parent = fields.String(allow_none=True, metadata=REFERENCE)
    supervisor = fields.String(allow_none=True, metadata=REFERENCE)
    territory = fields.String(allow_none=True, metadata=REFERENCE)


class NameRequest(Schema):
    language = fields.Enum(Language, by_value=True, required=True)
    type = fields.Enum(NameType, by_value=True, load_default=NameType.OFFICIAL)
    text = fields.String(required=True)
    since = fields.AwareDateTime(load_default=None, metadata={"description": "Without it: now. Never in the future."})


class CodeRequest(Schema):
    scheme = fields.String(required=True)
    value = fields.String(required=True)
    since = fields.AwareDateTime(load_default=None, metadata={"description": "Without it: now. Never in the future."})


class AdministrationForm(LinksRequest):
    """AdministrationRequest as a form: a field for each name and code, called as the faults of the service call it."""

    kind = fields.Enum(Kind, by_value=True, required=True)
    slug = fields.String(load_default=None)
    name_fr = fields.String(data_key="names/fr", attribute="names.fr")
    name_ar = fields.String(data_key="names/ar", attribute="names.ar")
    name_en = fields.String(data_key="names/en", attribute="names.en")
    name_zgh = fields.String(data_key="names/zgh", attribute="names.zgh")
    hcp = fields.String(data_key="identifiers/hcp", attribute="identifiers.hcp")
    ice = fields.String(data_key="identifiers/ice", attribute="identifiers.ice")


class EditForm(LinksRequest):
    """An empty link is one to take away."""

    kind = fields.Enum(Kind, by_value=True, required=True)
    slug = fields.String(required=True)
    version = fields.Integer(required=True)


class AdministrationView(Schema):
    id = fields.UUID()
    kind = fields.Enum(Kind, by_value=True)
    slug = fields.String(metadata={"description": "Its label in the addresses of its instances."})
    names = fields.Dict(fields.String(), fields.String(), metadata=BY_LANGUAGE)
    identifiers = fields.Dict(fields.String(), fields.String(), metadata=BY_SCHEME)
    parent_id = fields.UUID(allow_none=True, metadata={"description": "Above it in the hierarchy."})
    supervisor_id = fields.UUID(allow_none=True, metadata={"description": "Who has the supervision of it (tutelle)."})
    territory_id = fields.UUID(allow_none=True, metadata={"description": "Where it is."})
    registered_at = fields.AwareDateTime()
    closed_at = fields.AwareDateTime(allow_none=True)


class DatedView(Schema):
    since = fields.AwareDateTime()
    until = fields.AwareDateTime(allow_none=True, metadata={"description": "Null while it holds."})


class DatedNameView(DatedView):
    language = fields.Enum(Language, by_value=True)
    type = fields.Enum(NameType, by_value=True)
    text = fields.String()


class DatedCodeView(DatedView):
    scheme = fields.String()
    value = fields.String()


class AdministrationDetailView(AdministrationView):
    names_over_time = fields.List(fields.Nested(DatedNameView))
    identifiers_over_time = fields.List(fields.Nested(DatedCodeView))
