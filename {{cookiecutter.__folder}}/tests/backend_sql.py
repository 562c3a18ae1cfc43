"""The storage's part of the fixtures: an empty database of each kind.

SQLite is always there, PostgreSQL everywhere but on Windows, MariaDB where the system has it.
TEST_DATABASE_URLS may name more databases, separated by spaces, that may be emptied.
"""

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, delete, make_url

from {{ cookiecutter.package_name }} import create_app
from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.db_utils import MIGRATIONS, alembic_upgrade
from {{ cookiecutter.package_name }}.models import Base
from {{ cookiecutter.package_name }}.storage.sql import SqlStorage
from {{ cookiecutter.package_name }}.storage.sql_engine import migration_engine
from {{ cookiecutter.package_name }}.storage.sql_settings import SqlSettings

from .mariadb import MariaDB, find_mariadb
from .stalling_relay import StallingRelay
from dev.database_server import DatabaseServer
from dev.postgresql import PostgreSQL

SERVERS: dict[str, type[DatabaseServer]] = {}
if sys.platform != "win32":
    SERVERS["postgresql"] = PostgreSQL
if find_mariadb():
    SERVERS["mariadb"] = MariaDB
OTHERS = os.environ.get("TEST_DATABASE_URLS", "").split()

REVISIONS = [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]
HEAD, BEFORE = [*REVISIONS, "none"][:2]  # the newest one, and the one before it

# What the fixtures `open_at` and `open_storage`, and `start`, give.
Open = Callable[..., SqlStorage]
Start = Callable[[str], DatabaseServer]


def pytest_report_header() -> str:
    """Say which databases the tests use."""
    return f"databases: {', '.join(['sqlite', *SERVERS])}, and {len(OTHERS)} of TEST_DATABASE_URLS"


def settings_of(environ: dict[str, str]) -> SqlSettings:
    """The settings that the variables describe."""
    config = Config.from_environ(environ)
    return SqlSettings.from_environment(config.environment, config.retry)


def connect(environ: dict[str, str]) -> Connection:
    """Connect to the database that the variables describe, past the storage."""
    return migration_engine(settings_of(environ)).connect()


def migrate(url: str) -> str:
    """Give a database the newest schema."""
    app = create_app({"DATABASE_URL": url})
    with closing(app.extensions["customer_storage"]):
        alembic_upgrade(app)
    return url


@pytest.fixture(scope="session")
def start() -> Iterator[Start]:
    """Gives the server of a kind, which is started once for all tests."""
    with ExitStack() as stack:
        started: dict[str, DatabaseServer] = {}

        def start_once(kind: str) -> DatabaseServer:
            if kind not in started:
                started[kind] = stack.enter_context(SERVERS[kind]())
            return started[kind]

        yield start_once


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, start: Start) -> DatabaseServer:
    """A server of each kind."""
    return start(request.param)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test on each kind of database; on SQLite alone if any storage will do."""
    if "migrated" in metafunc.fixturenames:
        alone = metafunc.definition.get_closest_marker("any_storage")
        kinds = ["sqlite"] if alone else ["sqlite", *SERVERS, *OTHERS]
        ids = [kind.partition(":")[0] for kind in kinds]
        metafunc.parametrize("migrated", kinds, indirect=True, ids=ids, scope="session")


@pytest.fixture(scope="session")
def migrated(
    request: pytest.FixtureRequest,
    start: Start,
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """The address of a database of each kind, with the newest schema."""
    if request.param == "sqlite":
        return migrate(f"sqlite:///{tmp_path_factory.mktemp('database') / 'customers.db'}")
    if request.param in SERVERS:
        return migrate(start(request.param).create_database("customers"))
    return migrate(request.param)


@pytest.fixture(scope="session")
def delete_all() -> Iterator[Callable[[str], None]]:
    """Deletes all rows of all tables of a database, to which it stays connected."""
    with ExitStack() as stack:
        engines: dict[str, Engine] = {}

        def delete_all_at(url: str) -> None:
            if url not in engines:
                engines[url] = create_engine(
                    settings_of({"DATABASE_URL": url}).url,
                    isolation_level="AUTOCOMMIT",
                    pool_pre_ping=True,  # the test before may have ended the server
                )
                stack.callback(engines[url].dispose)
            with engines[url].connect() as connection:
                for table in reversed(Base.metadata.sorted_tables):
                    connection.execute(delete(table))

        yield delete_all_at


@pytest.fixture
def environ(migrated: str, delete_all: Callable[[str], None], tmp_path: Path) -> dict[str, str]:
    """The configuration for an empty storage."""
    if migrated.startswith("sqlite"):
        own = tmp_path / "customers.db"
        shutil.copy(migrated.removeprefix("sqlite:///"), own)
        return {"DATABASE_URL": f"sqlite:///{own}"}
    delete_all(migrated)
    return {"DATABASE_URL": migrated}


@pytest.fixture
def environ_of_lost_storage() -> Iterator[dict[str, str]]:
    """The configuration for a storage that cannot be reached."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nothing listens there
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        yield {"DATABASE_URL": f"postgresql://service:secret@{address}/customers"}


@pytest.fixture
def environ_of_failing_storage(
    server: DatabaseServer, delete_all: Callable[[str], None]
) -> dict[str, str]:
    """The configuration for an empty storage that `fail` ends for a while."""
    url = migrate(server.create_database("failing"))
    delete_all(url)
    return {"DATABASE_URL": url}


@pytest.fixture
def impatient() -> dict[str, str]:
    """Variables with which requests are given up before what `fail` ends is back."""
    return {"RETRY_DEADLINE_SECONDS": "2"}  # a busy machine may need a second for a batch


@pytest.fixture
def fail(server: DatabaseServer) -> Iterator[Callable[[], Callable[[], None]]]:
    """Ends the server; what that gives starts it again, beside what the test does."""
    with ThreadPoolExecutor(1) as pool:
        starts: list[Future[None]] = []

        def start_beside() -> None:
            starts.append(pool.submit(server.start_again))

        def end() -> Callable[[], None]:
            server.kill()
            return start_beside

        yield end
        for start in starts:
            start.result()


@pytest.fixture
def open_at() -> Iterator[Open]:
    """Opens the storage that variables describe, with further ones; each as another process."""
    with ExitStack() as stack:

        def open_another(environ: dict[str, str], **variables: str) -> SqlStorage:
            config = Config.from_environ({**environ, **variables})
            storage = SqlStorage.from_environment(config.environment, config.retry)
            stack.callback(storage.close)
            return storage

        yield open_another


@pytest.fixture
def open_storage(environ: dict[str, str], open_at: Open) -> Open:
    """Opens the storage, with further variables; each call as another process would."""
    return partial(open_at, environ)


@pytest.fixture
def relayed(
    environ_of_failing_storage: dict[str, str], open_at: Open
) -> Iterator[tuple[SqlStorage, StallingRelay]]:
    """The storage, and the relay by which it reaches the database."""
    url = make_url(environ_of_failing_storage["DATABASE_URL"])
    assert url.host
    assert url.port
    with StallingRelay((url.host, url.port)) as relay:
        url = url.set(port=relay.port)
        if url.get_backend_name() == "postgresql":
            # Else the system may end the connection before the service does, which hides that.
            url = url.update_query_dict({"tcp_user_timeout": "0"})
        relayed = url.render_as_string(hide_password=False)
        # An attempt takes half of that until it is given up.
        storage = open_at({"DATABASE_URL": relayed}, RETRY_DEADLINE_SECONDS="5")
        yield storage, relay
        storage.close()
