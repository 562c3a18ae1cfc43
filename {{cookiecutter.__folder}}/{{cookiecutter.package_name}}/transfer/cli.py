"""What `flask customers export`, `import` and `verify` do, and say.

What a person wants to know goes to standard error, so that standard output may be the file.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import click

from ..storage import CustomerStorage, StorageUnavailableError
from .exporting import export_customers
from .importing import Import, ImportStoppedError, OnConflict
from .journal import Journal
from .progress import Progress
from .records import Format, format_of
from .source import open_source
from .summary import counted
from .verifying import Comparison

CTRL_C = 130  # the exit status by which a shell tells of SIGINT

_say = partial(click.echo, err=True)


def _progress(what: str, whole: int) -> Progress:
    return Progress(what, whole, sys.stderr)


def _format(file: str, given: str | None) -> Format:
    chosen = Format(given) if given else format_of(file)
    if chosen is None:
        raise click.ClickException(f"{file}: say how it is written: --format json or jsonl")
    return chosen


@contextmanager
def _one_line_errors(file: str, what_is_left: str) -> Iterator[None]:
    """Show what stopped a command as one line, and what is left of its work.

    Args:
        file: The file that is read or written.
        what_is_left: What can be said of the work when it is stopped.
    """
    try:
        yield
    except KeyboardInterrupt:
        _say(f"\nstopped; {what_is_left}")
        sys.exit(CTRL_C)
    except FileExistsError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise click.ClickException(f"{file}: {reason}; {what_is_left}") from None
    except (ImportStoppedError, StorageUnavailableError) as error:
        raise click.ClickException(f"{error}; {what_is_left}") from None


def export_to(
    storage: CustomerStorage, file: str, file_format: str | None, *, overwrite: bool
) -> None:
    """Write every customer into a file."""
    chosen = _format(file, file_format)
    with _one_line_errors(file, "nothing was exported"):
        summary = export_customers(storage, file, chosen, overwrite=overwrite, progress=_progress)
    _say(f"exported {summary}")


def import_from(
    storage: CustomerStorage,
    file: str,
    file_format: str | None,
    *,
    on_conflict: str,
    keep_going: bool,
    delete_others: bool,
    dry_run: bool,
) -> None:
    """Bring the customers of a file into the storage."""
    if keep_going and delete_others:
        raise click.UsageError("--keep-going and --delete-others do not go together")
    chosen = _format(file, file_format)
    with (
        _one_line_errors(file, "nothing was changed"),
        open_source(file, chosen) as source,
    ):
        work = Import(
            source,
            storage,
            OnConflict(on_conflict),
            keep_going=keep_going,
            delete_others=delete_others,
            complain=_say,
            progress=_progress,
        )
        journal = Journal(source)
        start = None if dry_run else work.last_checkpoint(journal)
        if start:
            _say(f"going on behind the {counted(start.customers)} of an import that was stopped")
        elif dry_run or not keep_going:
            _rehearse(work, dry_run=dry_run)
        if not dry_run:
            if not (source.is_stream or journal.works):
                _say(f"{file}.importing cannot be written: if this is stopped, it will begin anew")
            with _one_line_errors(file, "run the same command again to go on"):
                work.run(journal, start)
            journal.forget()
        _tell(work, source.name, dry_run=dry_run)


def _rehearse(work: Import, *, dry_run: bool) -> None:
    # If nobody can be in the way, the storage is asked only while it is written to.
    work.rehearse(ask=dry_run or work.on_conflict is OnConflict.FAIL)
    if work.counts.refused and not (dry_run and work.keep_going):
        raise click.ClickException(
            f"{work.source.name}: {work.counts.refused:,} wrong; nothing was changed"
        )


def _tell(work: Import, name: str, *, dry_run: bool) -> None:
    if work.with_other_fields:
        _say(f"{name}: {counted(work.with_other_fields)} with other fields, which are not kept")
    _say(f"{'this would be done' if dry_run else 'done'}: {work.counts}")
    _say(f"{name}: {work.summary}")
    if work.counts.refused:
        sys.exit(1)


def verify_against(storage: CustomerStorage, file: str, file_format: str | None) -> None:
    """Compare the customers of a file with those of the storage."""
    chosen = _format(file, file_format)
    with _one_line_errors(file, "nothing was compared"), open_source(file, chosen) as source:
        comparison = Comparison(source, storage, complain=_say, progress=_progress)
        is_equal = comparison.run()
        click.echo(f"{source.name}: {comparison.in_file}")
        click.echo(f"storage: {comparison.in_storage}")
    if not is_equal:
        raise click.ClickException("they are not the same")
    click.echo("they are the same")
