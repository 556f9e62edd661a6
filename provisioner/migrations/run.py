"""Bringing a database to the newest step."""

from pathlib import Path

from alembic import command
from alembic.config import Config


def migrate(owner_url: str) -> None:
    """Run the steps that the database has not seen; harmless to repeat."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("sqlalchemy.url", owner_url.replace("%", "%%"))
    command.upgrade(config, "head")
