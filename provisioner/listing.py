"""What doors to lists share: how a page is asked for, and how it is answered."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import request
from marshmallow import RAISE, Schema, ValidationError, fields
from marshmallow.validate import Range

from provisioner.paging import DEFAULT_SIZE, MOST, Page, PageRequest
from provisioner.presentation import MOROCCO
from provisioner.web import BadQuery, flatten

# How a view takes its query: an unknown filter or a value that will not do is refused (400), never ignored.
IN_QUERY: dict[str, Any] = {"location": "query", "unknown": RAISE, "error_status_code": 400}


class Moment(fields.AwareDateTime):
    """A moment with its offset from UTC, or a day, which means its end in Morocco."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> datetime:
        try:
            return self._read(value, attr, data, **more).astimezone(MOROCCO)
        except OverflowError:  # at either end of the calendar
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE) from None

    def _read(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> datetime:
        if len(str(value)) == len("2026-01-31"):
            day = fields.Date()._deserialize(value, attr, data, **more)  # noqa: SLF001 - how fields build on fields
            next_day: datetime = MOROCCO.localize(datetime.combine(day + timedelta(days=1), time()))
            return next_day - timedelta(microseconds=1)
        return super()._deserialize(value, attr, data, **more)


class AsOfQuery(Schema):
    as_of = Moment(load_default=None, metadata={"description": "As it was then: a moment, or the end of a day."})


class ListQuery(Schema):
    """What every list can be asked; each adds its filters."""

    page_size = fields.Integer(load_default=DEFAULT_SIZE, validate=Range(1, MOST))
    cursor = fields.String(load_default=None, metadata={"description": "From `next` of the page before."})
    with_total = fields.Boolean(load_default=False, metadata={"description": "Count all rows, which costs more."})


def asked(query: type[Schema]) -> dict[str, Any]:
    """What the address of a page asks for, read as the API reads it; an empty field of its form asks for nothing."""
    try:
        filled: dict[str, Any] = query().load({name: text for name, text in request.args.items() if text})
    except ValidationError as refused:
        raise BadQuery(errors=flatten(refused.messages)) from None
    return filled


def filters() -> dict[str, str]:
    """The filters as they stand in the address of a page, for the addresses of its other pages."""
    return {name: text for name, text in request.args.items() if text and name != "cursor"}


def taken(given: dict[str, Any]) -> PageRequest:
    """The page that is asked for; what stays in `given` are the filters."""
    return PageRequest(given.pop("page_size"), given.pop("cursor"), given.pop("with_total"))


def page_of(view: type[Schema]) -> Schema:
    """The schema of a page of these."""
    columns: dict[str, fields.Field[Any]] = {
        "items": fields.List(fields.Nested(view), required=True),
        "next": fields.String(required=True, allow_none=True, metadata={"description": "`cursor` of the next page."}),
        "total": fields.Integer(metadata={"description": "Only if asked for."}),
    }
    return Schema.from_dict(columns, name=f"{view.__name__.removesuffix('View')}Page")()


def answered(found: Page) -> tuple[dict[str, Any], dict[str, str]]:
    """A page as body and headers: the address of the next page stands in `Link` (RFC 8288)."""
    body = {"items": found.rows, "next": found.next} | ({} if found.total is None else {"total": found.total})
    following = urlencode({**request.args.to_dict(), "cursor": found.next})
    return body, {"Link": f'<{request.path}?{following}>; rel="next"'} if found.next else {}


class DryRunQuery(Schema):
    """What every write can be asked."""

    dry_run = fields.Boolean(load_default=False, metadata={"description": "Check and show everything, keep nothing."})
