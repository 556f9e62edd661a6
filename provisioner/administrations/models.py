"""The register of administrations. Names and official codes change, so both are dated rows."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from provisioner.administrations.kinds import Kind, Language, NameType
from provisioner.db import Created, Id, Model, Since


class Administration(Model):
    __tablename__ = "administration"
    __audited__ = ("id", "kind", "slug", "parent_id", "supervisor_id", "territory_id", "closed_at")

    id: Mapped[Id]
    kind: Mapped[Kind]
    slug: Mapped[str] = mapped_column(unique=True)  # the label in its instances' host names
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("administration.id"))  # hierarchy
    supervisor_id: Mapped[UUID | None] = mapped_column(ForeignKey("administration.id"))  # tutelle
    territory_id: Mapped[UUID | None] = mapped_column(ForeignKey("administration.id"))  # where it is
    registered_at: Mapped[Created]
    closed_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column()

    names: Mapped[list["AdministrationName"]] = relationship(order_by="AdministrationName.language")
    identifiers: Mapped[list["Identifier"]] = relationship(order_by="Identifier.scheme")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it and leaves it alone


class AdministrationName(Model):
    __tablename__ = "administration_name"
    __audited__ = ("administration_id", "language", "type", "text", "valid")

    id: Mapped[Id]
    administration_id: Mapped[UUID] = mapped_column(ForeignKey("administration.id"))
    language: Mapped[Language]
    type: Mapped[NameType]
    text: Mapped[str]
    folded: Mapped[str]  # folding.fold(text): what search compares
    sort_key: Mapped[bytes]  # folding.sort_key(text): what lists are ordered by
    valid: Mapped[Since]


class Place(Model):
    """Where an administration stands in today's lists for readers of a language; drawn from its names."""

    __tablename__ = "administration_place"

    administration_id: Mapped[UUID] = mapped_column(ForeignKey("administration.id"), primary_key=True)
    language: Mapped[Language] = mapped_column(primary_key=True)
    sort_key: Mapped[bytes]


class Identifier(Model):
    __tablename__ = "identifier"
    __audited__ = ("administration_id", "scheme", "value", "valid")

    id: Mapped[Id]
    administration_id: Mapped[UUID] = mapped_column(ForeignKey("administration.id"))
    scheme: Mapped[str]
    value: Mapped[str]
    valid: Mapped[Since]
