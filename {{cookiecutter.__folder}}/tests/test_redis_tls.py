"""TLS to the servers and the sentinels, and what is told when it fails."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from flask import Flask

from .storage_check import assert_refused, check
from .tls_relay import TlsRelay
from dev.cluster import Cluster


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
