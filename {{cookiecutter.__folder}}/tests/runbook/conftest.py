"""The clusters that the operator looks after."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .operators import SENTINELS_PASSWORD, SERVERS_PASSWORD, SERVICE_PASSWORD, USER, Operator
from dev.cluster import Cluster


def new_cluster() -> Cluster:
    return Cluster(password=SERVERS_PASSWORD, sentinel_password=SENTINELS_PASSWORD)


@pytest.fixture(scope="package")
def shared_cluster() -> Iterator[Cluster]:
    with new_cluster() as cluster:
        yield cluster


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Cluster:
    """A healthy cluster that wants passwords."""
    shared_cluster.wait_until_healthy()
    return shared_cluster


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """One for a test that changes what cannot be changed back."""
    with new_cluster() as cluster:
        yield cluster


@pytest.fixture
def operator(cluster: Cluster, tmp_path: Path) -> Operator:
    return Operator(cluster, tmp_path)


@pytest.fixture
def user(cluster: Cluster, operator: Operator) -> dict[str, str]:
    """The configuration of a service that uses the document's user."""
    operator.runs(USER, SERVICE_PASSWORD=SERVICE_PASSWORD)
    cluster.master().client().rpush("customer:list", "no customer")
    return {
        "REDIS_SENTINELS": cluster.environ["REDIS_SENTINELS"],
        "REDIS_USERNAME": "service",
        "REDIS_PASSWORD": SERVICE_PASSWORD,
        "REDIS_SENTINEL_USERNAME": "service",
        "REDIS_SENTINEL_PASSWORD": SERVICE_PASSWORD,
    }
