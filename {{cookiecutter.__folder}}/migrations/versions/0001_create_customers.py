"""Create the table of customers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, unless a migration that MySQL could not undo has done so."""
    op.create_table(
        "customers",
        sa.Column("customer_id", sa.String(128, collation=exact_collation()), nullable=False),
        sa.Column("first_name", sa.String(256), nullable=False),
        sa.Column("last_name", sa.String(256), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name="pk_customers"),
        mysql_charset="utf8mb4",
        mariadb_charset="utf8mb4",
        if_not_exists=True,
    )


def downgrade() -> None:
    """Drop the table, with the customers in it."""
    op.drop_table("customers", if_exists=True)


def exact_collation() -> str | None:
    """What compares IDs to the letter, trailing spaces included, and sorts them by code point."""
    match op.get_context().dialect.name:
        case "postgresql":
            return "C"
        case "mysql":
            return "utf8mb4_0900_bin"
        case "mariadb":
            return "utf8mb4_nopad_bin"
        case _:
            return None  # SQLite does so by itself
