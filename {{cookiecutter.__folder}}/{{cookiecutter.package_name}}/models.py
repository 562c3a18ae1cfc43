"""The tables, as the code uses them. What made them so is in `migrations/`."""

from sqlalchemy import MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from .record import MAX_ID_LENGTH, MAX_TEXT_LENGTH


class Base(DeclarativeBase):
    """What every table's class derives from."""

    # Each constraint has a name, so that a later revision can change it on every database
    # (https://alembic.sqlalchemy.org/en/latest/naming.html).
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


# An ID, compared to the letter, trailing spaces included, and sorted by code point. SQLite does so
# by itself.
Id = (
    String(MAX_ID_LENGTH)
    .with_variant(String(MAX_ID_LENGTH, collation="C"), "postgresql")
    .with_variant(String(MAX_ID_LENGTH, collation="utf8mb4_0900_bin"), "mysql")
    .with_variant(String(MAX_ID_LENGTH, collation="utf8mb4_nopad_bin"), "mariadb")
)


class CustomerRow(Base):
    """A customer."""

    __tablename__ = "customers"

    customer_id: Mapped[str] = mapped_column(Id, primary_key=True)
    first_name: Mapped[str] = mapped_column(String(MAX_TEXT_LENGTH))
    last_name: Mapped[str] = mapped_column(String(MAX_TEXT_LENGTH))
