"""referrals: codes by digest, and what a person agreed to be asked

Revision: 0008, after 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "referral",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("service_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("service_said", sa.String(length=8), nullable=True),
        sa.Column("team_said", sa.String(length=8), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_referral")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_referral_month"), "referral", ["month"], unique=False)
    op.create_table(
        "follow_up",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("due_at", moment, nullable=True),
        sa.Column("asked_at", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_follow_up_conversation_id_conversation"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_up")),
    )
    for column in ("conversation_id", "due_at", "created_at"):
        op.create_index(op.f(f"ix_follow_up_{column}"), "follow_up", [column], unique=False)


def downgrade() -> None:
    op.drop_table("follow_up")
    op.drop_table("referral")
