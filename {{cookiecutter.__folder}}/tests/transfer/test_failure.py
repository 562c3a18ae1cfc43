"""Moving customers while a server of the storage fails."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import pytest
from flask import Flask

from {{ cookiecutter.package_name }} import create_app
from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.transfer.progress import Progress

from .samples import lines

CUSTOMERS = [Customer(f"{number:05}", f"First {number}", "Läst") for number in range(20_000)]

# Past every failure of the tests.
PATIENT = {"RETRY_DEADLINE_SECONDS": "60"}


@pytest.fixture
def open_app(environ_of_failing_storage: dict[str, str]) -> Iterator[Callable[..., Flask]]:
    """Makes applications on the storage that fails."""
    apps = []

    def open_another(variables: dict[str, str]) -> Flask:
        app = create_app({**environ_of_failing_storage, **variables})
        apps.append(app)
        return app

    yield open_another
    for app in apps:
        app.extensions["customer_storage"].close()


Fail = Callable[[], Callable[[], None]]


def when_under_way(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something once some customers are moved."""
    show = Progress.show
    has_acted = False

    def show_and_act(progress: Progress, done: int, customers: int) -> None:
        nonlocal has_acted
        show(progress, done, customers)
        if progress.what in ("importing", "exporting") and customers >= 5000 and not has_acted:
            has_acted = True
            act()

    monkeypatch.setattr(Progress, "show", show_and_act)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch, fail: Fail) -> None:
    """The storage fails for a moment."""
    when_under_way(monkeypatch, lambda: fail()())


@pytest.fixture
def end_failure(monkeypatch: pytest.MonkeyPatch, fail: Fail) -> Iterator[Callable[[], None]]:
    """The storage fails until this is called."""
    with ExitStack() as recovery:
        when_under_way(monkeypatch, lambda: recovery.callback(fail()))
        yield recovery.close


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of many customers."""
    file = tmp_path / "many.jsonl"
    file.write_text(lines(CUSTOMERS))
    return file


def contents(app: Flask) -> list[Customer]:
    found = list(chain.from_iterable(app.extensions["customer_storage"].stream()))
    return sorted(found, key=lambda customer: customer.customer_id)


@pytest.mark.usefixtures("failing")
def test_import_goes_on_through_a_failure(open_app: Callable[..., Flask], file: Path) -> None:
    app = open_app(PATIENT)
    result = app.test_cli_runner().invoke(args=["customers", "import", str(file)])
    assert result.exit_code == 0, result.output
    assert "many.jsonl: 20,000 customers" in result.output
    assert contents(app) == CUSTOMERS


@pytest.mark.usefixtures("failing")
def test_export_goes_on_through_a_failure(open_app: Callable[..., Flask], file: Path) -> None:
    app = open_app(PATIENT)
    app.extensions["customer_storage"].set_many(CUSTOMERS)
    exported = file.parent / "exported.jsonl"
    result = app.test_cli_runner().invoke(args=["customers", "export", str(exported)])
    assert result.exit_code == 0, result.output
    assert "exported 20,000 customers" in result.output
    assert app.test_cli_runner().invoke(args=["customers", "verify", str(file)]).exit_code == 0


def test_import_that_gave_up_goes_on_where_it_was(
    open_app: Callable[..., Flask],
    impatient: dict[str, str],
    file: Path,
    end_failure: Callable[[], None],
) -> None:
    arguments = ["customers", "import", str(file)]
    stopped = open_app(impatient).test_cli_runner().invoke(args=arguments)
    assert stopped.exit_code == 1
    assert stopped.output.splitlines()[-1].endswith("; run the same command again to go on")

    end_failure()
    app = open_app(PATIENT)
    finished = app.test_cli_runner().invoke(args=arguments)
    assert finished.exit_code == 0, finished.output
    assert finished.output.startswith("going on behind the ")
    assert contents(app) == CUSTOMERS


@pytest.mark.usefixtures("end_failure")
def test_export_that_gave_up_leaves_nothing(
    open_app: Callable[..., Flask], impatient: dict[str, str], file: Path
) -> None:
    open_app(PATIENT).extensions["customer_storage"].set_many(CUSTOMERS)
    exported = file.parent / "exported.jsonl"
    arguments = ["customers", "export", str(exported)]
    result = open_app(impatient).test_cli_runner().invoke(args=arguments)
    assert result.exit_code == 1
    assert result.output.endswith("; nothing was exported\n")
    assert [path.name for path in file.parent.glob("exported*")] == []
