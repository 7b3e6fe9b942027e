"""what is deleted at the provider, and which messages may go to somebody who said STOP

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "removal",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_removal_person_id_person"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_removal")),
    )
    op.create_index(op.f("ix_removal_person_id"), "removal", ["person_id"])
    op.add_column("person", sa.Column("leaving_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_person_leaving_at"), "person", ["leaving_at"])
    op.add_column("outbox", sa.Column("despite_stop", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column("outbox", "despite_stop")
    op.drop_index(op.f("ix_person_leaving_at"), "person")
    op.drop_column("person", "leaving_at")
    op.drop_table("removal")
