"""What is done again every night, and how far each night has come."""

from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Integer
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from provisioner.calendar.lifecycle import Window
from provisioner.db import Created, Id, Model


class Schedule(Model):
    """An action on all instances of an app, or of all apps that have no schedule of their own for it."""

    __tablename__ = "schedule"
    __audited__ = ("id", "action", "app_id", "opens", "closes", "days", "enabled", "reason", "removed_at")

    id: Mapped[Id]
    action: Mapped[str]
    app_id: Mapped[UUID | None] = mapped_column(ForeignKey("app.id"))
    opens: Mapped[time]  # in Morocco, as is `closes`
    closes: Mapped[time]
    days: Mapped[list[int]] = mapped_column(ARRAY(Integer))  # on which it opens; 1 is Monday
    enabled: Mapped[bool]
    reason: Mapped[str]
    since: Mapped[Created]  # as it is now
    removed_at: Mapped[datetime | None]

    @property
    def window(self) -> Window:
        return Window(self.opens, self.closes, frozenset(self.days))


class Night(Model):
    """One opening of a schedule's window. It keeps its own: what is changed meanwhile holds from the next one on."""

    __tablename__ = "night"

    schedule_id: Mapped[UUID] = mapped_column(ForeignKey("schedule.id"), primary_key=True)
    opens_on: Mapped[date]
    opens_at: Mapped[datetime] = mapped_column(primary_key=True)
    closes_at: Mapped[datetime]
    reached: Mapped[int] = mapped_column(BigInteger)  # the instances before this place were asked for
    reached_at: Mapped[datetime]
    asked: Mapped[int] = mapped_column(default=0)  # instances that got a job
    refused: Mapped[int] = mapped_column(default=0)  # those that were busy
    missed: Mapped[int | None]  # those for which nobody asked in time
    ended_at: Mapped[datetime | None]
