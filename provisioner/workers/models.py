"""Who carries jobs out, and where nothing new is begun."""

from sqlalchemy.orm import Mapped, mapped_column

from provisioner.db import Created, Model
from provisioner.workers.lifecycle import DrainScope


class Worker(Model):
    """A worker as it last announced itself."""

    __tablename__ = "worker"

    name: Mapped[str] = mapped_column(primary_key=True)
    sites: Mapped[list[str]]
    concurrency: Mapped[int]
    sandbox: Mapped[str]  # how it fences in its runs
    started_at: Mapped[Created]
    seen_at: Mapped[Created]
    leaving: Mapped[bool] = mapped_column(default=False)  # it begins nothing more, and ends what it runs


class Drain(Model):
    """Nothing new is begun by the whole service, at a site or by a worker, until the drain is ended."""

    __tablename__ = "drain"
    __audited__ = ("scope", "name", "reason")

    scope: Mapped[DrainScope] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)  # empty for the service
    reason: Mapped[str]
    since: Mapped[Created]
