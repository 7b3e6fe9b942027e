"""delivery: paces, senders' leases, tombstones

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Plain ADD COLUMN, which both databases do in place: no table is copied, nobody waits.
    moment = sa.DateTime(timezone=True)
    op.add_column("recipient", sa.Column("send_after", moment, nullable=True))
    op.add_column("conversation", sa.Column("told_at", moment, nullable=True))
    op.add_column("inbox", sa.Column("sent_at", moment, nullable=True))
    op.add_column("outbox", sa.Column("taken_until", moment, nullable=True))
    op.add_column("outbox", sa.Column("cause", sa.String(length=32), nullable=True))
    op.create_table(
        "pace",
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("next_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_pace")),
    )
    op.create_table(
        "tombstone",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_tombstone")),
    )
    op.create_index(op.f("ix_tombstone_created_at"), "tombstone", ["created_at"], unique=False)


def downgrade() -> None:
    op.drop_table("tombstone")
    op.drop_table("pace")
    for table, column in (
        ("outbox", "cause"),
        ("outbox", "taken_until"),
        ("inbox", "sent_at"),
        ("conversation", "told_at"),
        ("recipient", "send_after"),
    ):
        op.drop_column(table, column)
