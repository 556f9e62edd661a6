"""Nights that open twice on a day, links that end with their secret, no removal of what serves, and the newest backups.

Revision ID: 0021
"""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.execute("""
    -- A window that is moved may open a second time on the day of a night that is over.
    ALTER TABLE night
        DROP CONSTRAINT night_pkey,
        ALTER COLUMN opens_on SET NOT NULL,
        ADD PRIMARY KEY (schedule_id, opens_at);
    """)
