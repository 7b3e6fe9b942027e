"""all of HSDS, and the search's index

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


# Frozen here: what bot.directory.models says of the index may change later.
_SPOT_INDEX = {
    "sqlite": (
        "CREATE VIRTUAL TABLE spot_tree USING rtree(id, south, north, west, east)",
        "CREATE TRIGGER spot_added AFTER INSERT ON spot BEGIN INSERT INTO spot_tree VALUES"
        " (new.id, new.latitude, new.latitude, new.longitude, new.longitude); END",
        "CREATE TRIGGER spot_moved AFTER UPDATE OF latitude, longitude ON spot BEGIN UPDATE spot_tree SET"
        " south = new.latitude, north = new.latitude, west = new.longitude, east = new.longitude"
        " WHERE id = new.id; END",
        "CREATE TRIGGER spot_gone AFTER DELETE ON spot BEGIN DELETE FROM spot_tree WHERE id = old.id; END",
    ),
    "postgresql": ("CREATE INDEX ix_spot_point ON spot USING gist (point(longitude, latitude))",),
}


def upgrade() -> None:
    # Every row came from content/directory and comes again with the next start or `farol migrate`. Emptied first,
    # because SQLite copies a table to alter it, and dropping the old one takes with it what refers to it.
    for table in ("listing", "attribute", "service", "location", "organization", "taxonomy_term", "taxonomy"):
        op.execute(f"DELETE FROM {table}")
    op.create_table(
        "meta_table_description",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("character_set", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meta_table_description")),
    )
    op.create_table(
        "metadata",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("resource_id", sa.String(length=36), nullable=False),
        sa.Column("resource_type", sa.Text(), nullable=False),
        sa.Column("last_action_date", sa.Date(), nullable=False),
        sa.Column("last_action_type", sa.Text(), nullable=False),
        sa.Column("field_name", sa.Text(), nullable=False),
        sa.Column("previous_value", sa.Text(), nullable=False),
        sa.Column("replacement_value", sa.Text(), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metadata")),
    )
    with op.batch_alter_table("metadata", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_metadata_resource_id"), ["resource_id"], unique=False)

    op.create_table(
        "organization_identifier",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("identifier_scheme", sa.Text(), nullable=True),
        sa.Column("identifier_type", sa.Text(), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_organization_identifier_organization_id_organization"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organization_identifier")),
    )
    with op.batch_alter_table("organization_identifier", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_organization_identifier_organization_id"), ["organization_id"], unique=False
        )

    op.create_table(
        "program",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("alternate_name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_program_organization_id_organization"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_program")),
    )
    with op.batch_alter_table("program", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_program_organization_id"), ["organization_id"], unique=False)

    op.create_table(
        "accessibility",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("location_id", sa.String(length=36), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("details", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["location_id"], ["location.id"], name=op.f("fk_accessibility_location_id_location"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accessibility")),
    )
    with op.batch_alter_table("accessibility", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_accessibility_location_id"), ["location_id"], unique=False)

    op.create_table(
        "cost_option",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("service_id", sa.String(length=36), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("option", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("amount", sa.Float(precision=53), nullable=True),
        sa.Column("amount_description", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["service_id"], ["service.id"], name=op.f("fk_cost_option_service_id_service"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cost_option")),
    )
    with op.batch_alter_table("cost_option", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cost_option_service_id"), ["service_id"], unique=False)

    op.create_table(
        "funding",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=True),
        sa.Column("service_id", sa.String(length=36), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_funding_organization_id_organization"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["service_id"], ["service.id"], name=op.f("fk_funding_service_id_service"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_funding")),
    )
    with op.batch_alter_table("funding", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_funding_organization_id"), ["organization_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_funding_service_id"), ["service_id"], unique=False)

    op.create_table(
        "required_document",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("service_id", sa.String(length=36), nullable=True),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("uri", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["service_id"], ["service.id"], name=op.f("fk_required_document_service_id_service"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_required_document")),
    )
    with op.batch_alter_table("required_document", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_required_document_service_id"), ["service_id"], unique=False)

    op.create_table(
        "service_area",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("service_id", sa.String(length=36), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("extent", sa.Text(), nullable=True),
        sa.Column("extent_type", sa.Text(), nullable=True),
        sa.Column("uri", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["service_id"], ["service.id"], name=op.f("fk_service_area_service_id_service"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_area")),
    )
    with op.batch_alter_table("service_area", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_service_area_service_id"), ["service_id"], unique=False)

    op.create_table(
        "contact",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=True),
        sa.Column("service_id", sa.String(length=36), nullable=True),
        sa.Column("service_at_location_id", sa.String(length=36), nullable=True),
        sa.Column("location_id", sa.String(length=36), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["location_id"], ["location.id"], name=op.f("fk_contact_location_id_location"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_contact_organization_id_organization"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["service_at_location_id"],
            ["service_at_location.id"],
            name=op.f("fk_contact_service_at_location_id_service_at_location"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["service_id"], ["service.id"], name=op.f("fk_contact_service_id_service"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
    )
    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contact_location_id"), ["location_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_contact_organization_id"), ["organization_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_contact_service_at_location_id"), ["service_at_location_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_contact_service_id"), ["service_id"], unique=False)

    op.create_table(
        "spot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_at_location_id", sa.String(length=36), nullable=False),
        sa.Column("service_id", sa.String(length=36), nullable=False),
        sa.Column("latitude", sa.Float(precision=53), nullable=False),
        sa.Column("longitude", sa.Float(precision=53), nullable=False),
        sa.Column("x", sa.Float(precision=53), nullable=False),
        sa.Column("y", sa.Float(precision=53), nullable=False),
        sa.Column("z", sa.Float(precision=53), nullable=False),
        sa.Column("kinds", sa.BigInteger(), nullable=False),
        sa.Column("papers", sa.SmallInteger(), nullable=False),
        sa.Column("languages", sa.Text(), nullable=False),
        sa.Column("sample", sa.Boolean(), nullable=False),
        sa.Column("closed_until", sa.Date(), nullable=True),
        sa.Column("from_day", sa.Date(), nullable=True),
        sa.Column("to_day", sa.Date(), nullable=True),
        sa.Column("card", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["service_at_location_id"],
            ["service_at_location.id"],
            name=op.f("fk_spot_service_at_location_id_service_at_location"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["service_id"], ["service.id"], name=op.f("fk_spot_service_id_service"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spot")),
        sa.UniqueConstraint("service_at_location_id", name=op.f("uq_spot_service_at_location_id")),
    )
    with op.batch_alter_table("spot", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_spot_service_id"), ["service_id"], unique=False)

    with op.batch_alter_table("address", schema=None) as batch_op:
        batch_op.add_column(sa.Column("attention", sa.Text(), nullable=True))

    with op.batch_alter_table("attribute", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_attribute_taxonomy_term_id_taxonomy_term"), type_="foreignkey")
        batch_op.create_foreign_key(
            batch_op.f("fk_attribute_taxonomy_term_id_taxonomy_term"),
            "taxonomy_term",
            ["taxonomy_term_id"],
            ["id"],
            ondelete="CASCADE",
        )

    with op.batch_alter_table("listing", schema=None) as batch_op:
        batch_op.add_column(sa.Column("dataset", sa.Text(), nullable=False))
        batch_op.create_index(batch_op.f("ix_listing_dataset"), ["dataset"], unique=False)
        batch_op.drop_column("file")
        batch_op.drop_column("digest")

    with op.batch_alter_table("location", schema=None) as batch_op:
        batch_op.add_column(sa.Column("url", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("transportation", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("external_identifier", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("external_identifier_type", sa.Text(), nullable=True))
        batch_op.drop_index(batch_op.f("ix_location_latitude_longitude"))

    with op.batch_alter_table("organization", schema=None) as batch_op:
        batch_op.add_column(sa.Column("tax_status", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("tax_id", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("year_incorporated", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("legal_status", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("logo", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("uri", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("parent_organization_id", sa.String(length=36), nullable=True))

    with op.batch_alter_table("phone", schema=None) as batch_op:
        batch_op.add_column(sa.Column("contact_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("extension", sa.Float(precision=53), nullable=True))
        batch_op.create_index(batch_op.f("ix_phone_contact_id"), ["contact_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_phone_contact_id_contact"), "contact", ["contact_id"], ["id"], ondelete="CASCADE"
        )

    with op.batch_alter_table("schedule", schema=None) as batch_op:
        batch_op.add_column(sa.Column("dtstart", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("timezone", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("until", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("count", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("wkst", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("freq", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("interval", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("byday", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("byweekno", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("bymonthday", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("byyearday", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("opens_at", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("closes_at", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("schedule_link", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("attending_type", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("notes", sa.Text(), nullable=True))

    with op.batch_alter_table("service", schema=None) as batch_op:
        batch_op.add_column(sa.Column("program_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("interpretation_services", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("application_process", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("fees_description", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("wait_time", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("fees", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("accreditations", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("eligibility_description", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("minimum_age", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("maximum_age", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("assurer_email", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("licenses", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("alert", sa.Text(), nullable=True))
        batch_op.create_index(batch_op.f("ix_service_program_id"), ["program_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_service_program_id_program"), "program", ["program_id"], ["id"], ondelete="SET NULL"
        )

    with op.batch_alter_table("taxonomy_term", schema=None) as batch_op:
        batch_op.add_column(sa.Column("taxonomy", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("language", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("term_uri", sa.Text(), nullable=True))
    for statement in _SPOT_INDEX[op.get_context().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    for table in ("listing", "attribute", "service", "location", "organization", "taxonomy_term", "taxonomy"):
        op.execute(f"DELETE FROM {table}")
    op.drop_table("spot")
    if op.get_context().dialect.name == "sqlite":
        op.execute("DROP TABLE spot_tree")
    with op.batch_alter_table("taxonomy_term", schema=None) as batch_op:
        batch_op.drop_column("term_uri")
        batch_op.drop_column("language")
        batch_op.drop_column("taxonomy")

    with op.batch_alter_table("service", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_service_program_id_program"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_service_program_id"))
        batch_op.drop_column("alert")
        batch_op.drop_column("licenses")
        batch_op.drop_column("assurer_email")
        batch_op.drop_column("maximum_age")
        batch_op.drop_column("minimum_age")
        batch_op.drop_column("eligibility_description")
        batch_op.drop_column("accreditations")
        batch_op.drop_column("fees")
        batch_op.drop_column("wait_time")
        batch_op.drop_column("fees_description")
        batch_op.drop_column("application_process")
        batch_op.drop_column("interpretation_services")
        batch_op.drop_column("program_id")

    with op.batch_alter_table("schedule", schema=None) as batch_op:
        batch_op.drop_column("notes")
        batch_op.drop_column("attending_type")
        batch_op.drop_column("schedule_link")
        batch_op.drop_column("closes_at")
        batch_op.drop_column("opens_at")
        batch_op.drop_column("byyearday")
        batch_op.drop_column("bymonthday")
        batch_op.drop_column("byweekno")
        batch_op.drop_column("byday")
        batch_op.drop_column("interval")
        batch_op.drop_column("freq")
        batch_op.drop_column("wkst")
        batch_op.drop_column("count")
        batch_op.drop_column("until")
        batch_op.drop_column("timezone")
        batch_op.drop_column("dtstart")

    with op.batch_alter_table("phone", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_phone_contact_id_contact"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_phone_contact_id"))
        batch_op.drop_column("extension")
        batch_op.drop_column("contact_id")

    with op.batch_alter_table("organization", schema=None) as batch_op:
        batch_op.drop_column("parent_organization_id")
        batch_op.drop_column("uri")
        batch_op.drop_column("logo")
        batch_op.drop_column("legal_status")
        batch_op.drop_column("year_incorporated")
        batch_op.drop_column("tax_id")
        batch_op.drop_column("tax_status")

    with op.batch_alter_table("location", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_location_latitude_longitude"), ["latitude", "longitude"], unique=False)
        batch_op.drop_column("external_identifier_type")
        batch_op.drop_column("external_identifier")
        batch_op.drop_column("transportation")
        batch_op.drop_column("url")

    with op.batch_alter_table("listing", schema=None) as batch_op:
        batch_op.add_column(sa.Column("file", sa.TEXT(), nullable=False))
        batch_op.add_column(sa.Column("digest", sa.String(length=64), nullable=False))
        batch_op.drop_index(batch_op.f("ix_listing_dataset"))
        batch_op.drop_column("dataset")

    with op.batch_alter_table("attribute", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_attribute_taxonomy_term_id_taxonomy_term"), type_="foreignkey")
        batch_op.create_foreign_key(
            batch_op.f("fk_attribute_taxonomy_term_id_taxonomy_term"), "taxonomy_term", ["taxonomy_term_id"], ["id"]
        )

    with op.batch_alter_table("address", schema=None) as batch_op:
        batch_op.drop_column("attention")

    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contact_service_id"))
        batch_op.drop_index(batch_op.f("ix_contact_service_at_location_id"))
        batch_op.drop_index(batch_op.f("ix_contact_organization_id"))
        batch_op.drop_index(batch_op.f("ix_contact_location_id"))

    op.drop_table("contact")
    with op.batch_alter_table("service_area", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_service_area_service_id"))

    op.drop_table("service_area")
    with op.batch_alter_table("required_document", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_required_document_service_id"))

    op.drop_table("required_document")
    with op.batch_alter_table("funding", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_funding_service_id"))
        batch_op.drop_index(batch_op.f("ix_funding_organization_id"))

    op.drop_table("funding")
    with op.batch_alter_table("cost_option", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cost_option_service_id"))

    op.drop_table("cost_option")
    with op.batch_alter_table("accessibility", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_accessibility_location_id"))

    op.drop_table("accessibility")
    with op.batch_alter_table("program", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_program_organization_id"))

    op.drop_table("program")
    with op.batch_alter_table("organization_identifier", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_organization_identifier_organization_id"))

    op.drop_table("organization_identifier")
    with op.batch_alter_table("metadata", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_metadata_resource_id"))

    op.drop_table("metadata")
    op.drop_table("meta_table_description")
