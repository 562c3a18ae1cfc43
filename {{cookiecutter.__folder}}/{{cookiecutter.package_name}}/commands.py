"""The commands `flask customers …` and `flask storage …`."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
import msgspec
from flask import Flask
from flask.cli import AppGroup

from .api import storage
from .customers import Customer, check_customer_id
from .record import InvalidRecordError
from .storage import StorageUnavailableError

customers = AppGroup("customers", help="Read and change customers.")
storage_group = AppGroup("storage", help="Look after the storage.")


def register(app: Flask) -> None:
    """Add the commands to `flask`."""
    app.cli.add_command(customers)
    app.cli.add_command(storage_group)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Show what the user can mend as one line, with exit status 1."""
    try:
        yield
    except (InvalidRecordError, StorageUnavailableError) as error:
        raise click.ClickException(str(error)) from None


def _echo(customer: Customer) -> None:
    click.echo(msgspec.json.encode(customer))


@customers.command("list")
@one_line_errors()
def list_customers() -> None:
    """Print every customer, one JSON object a line."""
    for batch in storage().stream():
        for customer in batch:
            _echo(customer)


@customers.command("get")
@click.argument("customer_id")
@one_line_errors()
def get_customer(customer_id: str) -> None:
    """Print one customer."""
    customer = storage().get(check_customer_id(customer_id))
    if customer is None:
        raise click.ClickException("no such customer")
    _echo(customer)


@customers.command("set")
@click.argument("customer_id")
@click.argument("first_name")
@click.argument("last_name")
@one_line_errors()
def set_customer(customer_id: str, first_name: str, last_name: str) -> None:
    """Add a customer, or replace the one with the same ID."""
    storage().set(
        Customer.from_fields(
            {"customerID": customer_id, "firstName": first_name, "lastName": last_name}
        )
    )


_format = click.option(
    "--format",
    "file_format",
    type=click.Choice(["json", "jsonl"]),
    help="How the file is written; else its name tells: .json, .jsonl, and - is JSON Lines.",
)


@customers.command("export")
@click.argument("file")
@_format
@click.option("--overwrite", is_flag=True, help="Replace a file of that name.")
def export_customers(file: str, file_format: str | None, overwrite: bool) -> None:
    """Write every customer into FILE, or with - to standard output."""
    from .transfer import cli

    cli.export_to(storage(), file, file_format, overwrite=overwrite)


@customers.command("import")
@click.argument("file")
@_format
@click.option(
    "--on-conflict",
    type=click.Choice(["fail", "skip", "overwrite"]),
    default="fail",
    show_default=True,
    help="If a customer is there with other names: change nothing, leave that one, or replace it.",
)
@click.option("--dry-run", is_flag=True, help="Check the file, and say what would be done.")
@click.option("--keep-going", is_flag=True, help="Import the others if something is wrong.")
@click.option("--delete-others", is_flag=True, help="Delete at the end who is not in FILE.")
def import_customers(
    file: str,
    file_format: str | None,
    on_conflict: str,
    dry_run: bool,
    keep_going: bool,
    delete_others: bool,
) -> None:
    """Bring the customers of FILE, or with - of standard input, into the storage.

    If it is stopped, the same command goes on where it was.
    """
    from .transfer import cli

    cli.import_from(
        storage(),
        file,
        file_format,
        on_conflict=on_conflict,
        keep_going=keep_going,
        delete_others=delete_others,
        dry_run=dry_run,
    )


@customers.command("verify")
@click.argument("file")
@_format
def verify_customers(file: str, file_format: str | None) -> None:
    """Compare the customers of FILE, or with - of standard input, with those of the storage."""
    from .transfer import cli

    cli.verify_against(storage(), file, file_format)


@customers.command("delete")
@click.argument("customer_id")
@one_line_errors()
def delete_customer(customer_id: str) -> None:
    """Delete one customer."""
    if not storage().delete(check_customer_id(customer_id)):
        raise click.ClickException("no such customer")


@storage_group.command("check")
@one_line_errors()
def check_storage() -> None:
    """Say whether customers can be read and written; exit status 1 if not."""
    report = storage().check()
    for name, value in report.facts.items():
        click.echo(f"{name}: {value}")
    for warning in report.warnings:
        click.echo(f"warning: {warning}")
    click.echo("ok, but for the warnings" if report.warnings else "ok")
