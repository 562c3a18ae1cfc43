"""`flask storage move-keys`: brings customers from the other prefix under REDIS_KEY_PREFIX."""

import json
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

from . import StorageUnavailableError

if TYPE_CHECKING:
    from .redis_two_prefixes import RedisTwoPrefixStorage


@click.command("move-keys")
@click.option("--dry-run", is_flag=True, help="Only say what would be moved.")
@with_appcontext
def move_keys_command(dry_run: bool) -> None:
    """Give customers with REDIS_OTHER_KEY_PREFIX a key with REDIS_KEY_PREFIX.

    The service may go on meanwhile. If it is stopped, the same command goes on where it was.
    """
    from ..api import storage as storage_in_use
    from .redis_two_prefixes import RedisTwoPrefixStorage

    storage = storage_in_use()
    if not isinstance(storage, RedisTwoPrefixStorage):
        raise click.ClickException(
            "REDIS_OTHER_KEY_PREFIX must say what the keys to move begin with; it is not set"
        )
    try:
        moved = 0 if dry_run else _move_all(storage)
        movable, conflicts, foreign = _look(storage)
        while movable and not dry_run:  # someone has just written under the prefix to be given up
            moved += _move_all(storage)
            movable, conflicts, foreign = _look(storage)
    except StorageUnavailableError as error:
        raise click.ClickException(str(error)) from None
    done = f"{_keys(movable)} would be moved" if dry_run else f"moved {_keys(moved)}"
    holds, is_left = ("holds", "is left") if foreign == 1 else ("hold", "are left")
    click.echo(f"{done}; {_keys(foreign)} that {holds} no customer {is_left}")
    if conflicts:
        raise click.ClickException(f"{_keys(conflicts)} cannot be moved")


def _move_all(storage: "RedisTwoPrefixStorage") -> int:
    """Move customers until a look at all keys finds none to be moved; how many there were."""
    total = 0
    while moved := sum(storage.move(glimpse.movable) for glimpse in storage.glimpses()):
        total += moved
    return total


def _look(storage: "RedisTwoPrefixStorage") -> tuple[int, int, int]:
    """Look at all keys, and print a line about each customer that cannot be moved.

    Returns:
        How many keys can be moved, how many cannot, and how many hold no customer.
    """
    movable = conflicts = foreign = 0
    for glimpse in storage.glimpses():
        if glimpse.is_first:
            movable = conflicts = foreign = 0
        movable += len(glimpse.movable)
        conflicts += len(glimpse.conflicts)
        foreign += glimpse.foreign
        for customer_id in glimpse.conflicts:
            click.echo(
                f"left, as the new key holds something else: {json.dumps(customer_id)}", err=True
            )
    return movable, conflicts, foreign


def _keys(number: int) -> str:
    return f"{number:,} key{'s' * (number != 1)}"
