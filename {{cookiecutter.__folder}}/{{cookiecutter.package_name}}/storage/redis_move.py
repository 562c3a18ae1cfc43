"""`flask storage move-keys`: brings customers from the other prefix under REDIS_KEY_PREFIX."""

import json
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

from . import StorageUnavailableError
from .redis_listing import BATCH, Position
from .redis_two_prefix_records import TwoPrefixRecords, decoded, is_under

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
        moved, conflicts, foreign = move_all(storage, dry_run=dry_run)
    except StorageUnavailableError as error:
        raise click.ClickException(str(error)) from None
    for customer_id in conflicts:
        click.echo(
            f"left, as the new key holds something else: {json.dumps(customer_id)}", err=True
        )
    done = f"{_keys(moved)} would be moved" if dry_run else f"moved {_keys(moved)}"
    holds, is_left = ("holds", "is left") if foreign == 1 else ("hold", "are left")
    click.echo(f"{done}; {_keys(foreign)} that {holds} no customer {is_left}")
    if conflicts:
        raise click.ClickException(f"{_keys(len(conflicts))} cannot be moved")


def _keys(number: int) -> str:
    return f"{number:,} key{'s' * (number != 1)}"


def move_all(storage: "RedisTwoPrefixStorage", *, dry_run: bool) -> tuple[int, list[str], int]:
    """Move customers until a look at all keys finds none to be moved.

    Returns:
        How many were moved, or would be; the IDs of those who cannot be; how many keys hold no
        customer.
    """
    moved = 0
    while True:
        position, movable, conflicts, foreign = Position(), 0, list[str](), 0
        while not position.at_end_of_turn:
            run_id = position.run_id
            position, ready, taken, others = storage.redis_command(look, storage.records, position)
            if position.run_id != run_id:  # it begins, perhaps anew at another server
                movable, conflicts, foreign = 0, [], 0
            movable += len(ready)
            conflicts += taken
            foreign += others
            if not dry_run:
                moved += storage.move(ready)
        if dry_run or not movable:
            return movable if dry_run else moved, conflicts, foreign


def look(
    records: TwoPrefixRecords, position: Position
) -> tuple[Position, list[str], list[str], int]:
    """Look at some keys under the prefix that customers are moved from.

    Those that are there all the time are seen at least once. Another server starts it anew.

    Returns:
        How far it has come; the IDs of those who can be moved, and of those who cannot, as their
        place is taken; how many of the keys hold no customer.
    """
    new, old = records.prefixes
    run_id, scan_cursor, keys = records.scan(old, position.scan_cursor, BATCH)
    if position.run_id not in ("", run_id):
        return look(records, Position())
    sources = decoded(set(keys))
    values = records.values_at([*sources, *(new + key.removeprefix(old) for key in sources)])
    held = records.held_in(values)
    found = [key for key in sources if is_under(old, key, held)]
    targets = [new + key.removeprefix(old) for key in found]
    movable: list[str] = []
    conflicts: list[str] = []
    for source, target, kind in zip(found, targets, records.types(targets), strict=True):
        is_free = values[target] is None and kind in (b"none", b"string")  # written just now
        is_same = held.get(target) == held[source]
        (movable if is_free or is_same else conflicts).append(held[source].customer_id)
    ours = {*held, *records.keys("/")}  # with what is written for WAIT
    foreign = len(set(keys)) - sum(key in ours for key in sources)
    return Position(run_id, scan_cursor), movable, conflicts, foreign
