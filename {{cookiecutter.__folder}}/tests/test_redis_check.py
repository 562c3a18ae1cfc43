"""`flask storage check`: how the cluster is, or in one line what is wrong."""

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme
from flask import Flask

from {{ cookiecutter.package_name }} import create_app

from .tls_relay import TlsRelay
from dev.cluster import Cluster

PASSWORD = "secret-1"
SENTINEL_PASSWORD = "secret-2"


def check(environ: dict[str, str]) -> tuple[int, list[str]]:
    """Run the command; its exit status and lines. It must take at most 3 seconds."""
    app = create_app(environ)
    started = time.monotonic()
    result = app.test_cli_runner().invoke(args=["storage", "check"])
    assert time.monotonic() - started < 3
    app.extensions["customer_storage"].close()
    return result.exit_code, result.output.splitlines()


def assert_refused(environ: dict[str, str], problem: str) -> None:
    status, lines = check(environ)
    assert status == 1
    (line,) = lines
    assert re.fullmatch(f"Error: {problem}", line), line


@pytest.fixture(scope="module")
def closed() -> Iterator[Cluster]:
    """A cluster whose servers and sentinels want passwords."""
    with Cluster(password=PASSWORD, sentinel_password=SENTINEL_PASSWORD) as cluster:
        yield cluster


def test_healthy_cluster_is_reported_server_by_server(cluster: Cluster) -> None:
    status, lines = check(cluster.environ)
    assert status == 0
    assert lines[0] == "storage: Redis Sentinel, master mymaster"
    for sentinel in cluster.sentinels:
        assert any(re.match(rf"sentinel {sentinel}: reached in \d+\.\d ms$", x) for x in lines)
    assert any(re.match(rf"master {cluster.master()}: reached in \d+\.\d ms$", x) for x in lines)
    for replica in cluster.replicas():
        assert any(re.match(rf"replica {replica}: online, \d+ bytes behind", x) for x in lines)
    assert lines[-2:] == ["min-replicas-to-write: set", "ok"]


def test_credentials_are_used(closed: Cluster, make_app: Callable[..., Flask]) -> None:
    assert check(closed.environ)[0] == 0
    client = make_app(**closed.environ).test_client()
    ada = {"customerID": "1", "firstName": "Ada", "lastName": "Lovelace"}
    assert client.post("/set", json=ada).status_code == 200
    assert client.get("/").json == {"1": ada}


def test_acl_user_needs_few_commands(cluster: Cluster, make_app: Callable[..., Flask]) -> None:
    commands = ["+get", "+set", "+del", "+mget", "+scan", "+type", "+wait", "+info"]
    master = cluster.master().client()
    master.acl_setuser("service", True, passwords="+secret", keys="customer:*", commands=commands)
    credentials = {"REDIS_USERNAME": "service", "REDIS_PASSWORD": "secret"}
    client = make_app(**credentials).test_client()
    ada = {"customerID": "1", "firstName": "Ada", "lastName": "Lovelace"}
    assert client.post("/set", json=ada).status_code == 200
    assert client.get("/get/1").json == ada
    assert client.get("/?limit=5").json == client.get("/").json == {"1": ada}
    assert client.get("/readyz").status_code == 200
    assert client.delete("/delete/1").status_code == 200
    master.acl_deluser("service")


def test_command_that_the_user_may_not_run_is_named(cluster: Cluster) -> None:
    master = cluster.master().client()
    master.acl_setuser("poor", True, passwords="+secret", keys="customer:*", commands=["+get"])
    credentials = {"REDIS_USERNAME": "poor", "REDIS_PASSWORD": "secret"}
    assert_refused(
        {**cluster.environ, **credentials},
        rf"the master {cluster.master()} does not permit a command to this user: .*'info'.*",
    )
    master.acl_deluser("poor")


# What is wrong


def test_closed_ports_are_named(cluster: Cluster) -> None:
    with socket.socket() as first, socket.socket() as second:
        for taken in (first, second):
            taken.bind(("127.0.0.1", 0))  # and nothing listens there
        ports = [taken.getsockname()[1] for taken in (first, second)]
        assert_refused(
            {"REDIS_SENTINELS": ",".join(f"127.0.0.1:{port}" for port in ports)},
            "; ".join(
                f"sentinel 127.0.0.1:{port} cannot be reached: Connection refused" for port in ports
            ),
        )


def test_unknown_host_is_named() -> None:
    assert_refused(
        {"REDIS_SENTINELS": "nowhere.invalid:26379"},
        "sentinel nowhere.invalid:26379 cannot be reached: .+",
    )


def test_sentinels_that_hang_are_named() -> None:
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        ports = [listener.getsockname()[1] for listener in listeners]
        assert_refused(
            {"REDIS_SENTINELS": ",".join(f"127.0.0.1:{port}" for port in ports)},
            "; ".join(f"sentinel 127.0.0.1:{port} does not answer" for port in ports),
        )


def test_wrong_master_name_is_told(cluster: Cluster) -> None:
    assert_refused(
        {**cluster.environ, "REDIS_MASTER_NAME": "yourmaster"},
        "REDIS_MASTER_NAME: no sentinel knows a master called 'yourmaster'",
    )


@pytest.mark.parametrize("password", ["", "secret-3"])
def test_wrong_password_is_told(closed: Cluster, password: str) -> None:
    assert_refused(
        {**closed.environ, "REDIS_PASSWORD": password},
        rf"the master {closed.master()} refuses the credentials: "
        "REDIS_PASSWORD is wrong or missing",
    )


@pytest.mark.parametrize("password", ["", "secret-3"])
def test_wrong_password_of_the_sentinels_is_told(closed: Cluster, password: str) -> None:
    refused = "refuses the credentials: REDIS_SENTINEL_PASSWORD is wrong or missing"
    assert_refused(
        {**closed.environ, "REDIS_SENTINEL_PASSWORD": password},
        "; ".join(f"sentinel {sentinel} {refused}" for sentinel in closed.sentinels),
    )


@pytest.mark.parametrize("variable", ["REDIS_PASSWORD", "REDIS_SENTINEL_PASSWORD"])
def test_no_secret_is_logged_or_answered(
    closed: Cluster,
    make_app: Callable[..., Flask],
    variable: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    wrong = {variable: "secret-3", "RETRY_DEADLINE_SECONDS": "0.3"}
    app = make_app(**closed.environ | wrong)
    answer = app.test_client().get("/get/1")
    assert answer.status_code == 503
    shown = answer.text + caplog.text + repr(vars(app.extensions["customer_storage"]))
    assert "secret" not in shown


def test_keyspace_that_does_not_exist_is_told(cluster: Cluster) -> None:
    assert_refused(
        {**cluster.environ, "REDIS_DB": "99"},
        rf"the master {cluster.master()} has no keyspace of that number: REDIS_DB is too high",
    )


def test_too_few_replicas_are_told(cluster: Cluster) -> None:
    assert_refused(
        {**cluster.environ, "REDIS_WAIT_REPLICAS": "3"},
        rf"2 replicas follow the master {cluster.master()}, and REDIS_WAIT_REPLICAS asks for 3",
    )


# What should be mended


def test_sentinel_that_cannot_be_reached_is_a_warning(cluster: Cluster) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        sentinels = f"127.0.0.1:{port},{cluster.environ['REDIS_SENTINELS']}"
        status, lines = check({**cluster.environ, "REDIS_SENTINELS": sentinels})
    assert status == 0
    assert lines[-2:] == [
        f"warning: sentinel 127.0.0.1:{port} cannot be reached: Connection refused",
        "ok, but for the warnings",
    ]


def test_writes_that_may_be_lost_are_a_warning(cluster: Cluster) -> None:
    master = cluster.master().client()
    master.config_set("min-replicas-to-write", 0)
    status, lines = check({**cluster.environ, "REDIS_WAIT_REPLICAS": "0"})
    master.config_set("min-replicas-to-write", 1)
    assert status == 0
    assert "min-replicas-to-write: not set" in lines
    assert lines[-3:] == [
        "warning: a master that is cut off takes writes: set min-replicas-to-write to 1",
        "warning: acknowledged writes may be lost: REDIS_WAIT_REPLICAS is 0",
        "ok, but for the warnings",
    ]


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Signs the servers' certificates."""
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    """The certificate by which the servers are trusted."""
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return str(file)


@pytest.fixture
def encrypted(authority: trustme.CA, cluster: Cluster) -> Iterator[dict[str, str]]:
    """The variables for a sentinel and a master that are reached by TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    master = cluster.master()
    sentinel = cluster.sentinels[0]
    with (
        TlsRelay(context, (master.host, master.port), plain=True) as to_master,
        TlsRelay(context, (sentinel.host, sentinel.port), plain=False) as to_sentinel,
    ):
        sentinel.client().sentinel_monitor("encrypted", "127.0.0.1", to_master.port, 1)
        yield {
            "REDIS_SENTINELS": f"127.0.0.1:{to_sentinel.port}",
            "REDIS_MASTER_NAME": "encrypted",
            "REDIS_TLS": "1",
        }
        sentinel.client().sentinel_remove("encrypted")


def test_tls_is_used(
    encrypted: dict[str, str], ca_file: str, make_app: Callable[..., Flask]
) -> None:
    client = make_app(**encrypted, REDIS_TLS_CA=ca_file).test_client()
    ada = {"customerID": "1", "firstName": "Ada", "lastName": "Lovelace"}
    assert client.post("/set", json=ada).status_code == 200
    assert client.get("/get/1").json == ada
    assert client.get("/readyz").status_code == 200


def test_missing_tls_is_told(encrypted: dict[str, str]) -> None:
    assert_refused(
        {**encrypted, "REDIS_TLS": "0"},
        "sentinel .* closed the connection: if it wants TLS, set REDIS_TLS to 1",
    )


def test_tls_that_the_server_does_not_speak_is_told(cluster: Cluster, ca_file: str) -> None:
    status, lines = check({**cluster.environ, "REDIS_TLS": "1", "REDIS_TLS_CA": ca_file})
    assert status == 1
    assert "does not speak TLS: set REDIS_TLS to 0, or use its TLS port" in lines[0]


def test_certificate_that_is_not_trusted_is_told(encrypted: dict[str, str], tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    for ca in ({}, {"REDIS_TLS_CA": str(other)}):
        assert_refused(
            {**encrypted, **ca},
            "sentinel .* has a certificate that is not trusted: set REDIS_TLS_CA to its CA",
        )


# IPv6


def test_cluster_on_ipv6_is_reached() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6 here")
    with Cluster(host="::1") as cluster:
        assert cluster.environ["REDIS_SENTINELS"].startswith("[::1]:")
        assert check(cluster.environ)[0] == 0
