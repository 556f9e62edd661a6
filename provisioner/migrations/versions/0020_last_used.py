"""An instance knows when somebody last asked for it.

Revision ID: 0020
"""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.execute("ALTER TABLE instance ADD COLUMN last_used_at timestamptz")
