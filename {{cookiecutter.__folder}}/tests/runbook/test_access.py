"""The service's user, and new passwords while the service runs."""

import re
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from redis import AuthenticationError, Redis

from {{ cookiecutter.package_name }} import create_app
from {{ cookiecutter.package_name }}.storage import StorageUnavailableError
from {{ cookiecutter.package_name }}.storage.redis_settings import ONCE

from ..contract import CASES, STORED
from .operators import (
    NO_RETRIES,
    SENTINELS_PASSWORD,
    SERVERS_PASSWORD,
    SERVICE_PASSWORD,
    USER,
    Operator,
    blocks,
    service,
    wait_until,
)
from dev.cluster import Cluster
from dev.node import Node, find_program

RULES = re.findall(r" '?([+~][^\s']+)", USER)


def do_all_that_the_service_does(environ: dict[str, str]) -> None:
    app = create_app(environ)
    client = app.test_client()
    with closing(app.extensions["customer_storage"]) as storage:
        for case in CASES:
            client.post("/set", json=STORED)
            headers = {"Content-Type": case.body_type} if case.body is not None else {}
            answer = client.open(case.path, method=case.method, data=case.body, headers=headers)
            assert answer.status_code == case.status, case.name
            for customer_id in client.get("/").get_json():
                storage.delete(customer_id)


def test_service_s_user_can_do_all_that_the_service_does(user: dict[str, str]) -> None:
    do_all_that_the_service_does(user)


def test_service_s_user_needs_each_rule(user: dict[str, str], cluster: Cluster) -> None:
    for left_out in RULES:
        for node in (*cluster.nodes, *cluster.sentinels):
            of_a_sentinel = node.is_sentinel
            rules = [r for r in RULES if r != left_out and ("sentinel" in r) == of_a_sentinel]
            node.client().execute_command(  # type: ignore[no-untyped-call]
                "ACL SETUSER", "service", "reset", "on", f">{SERVICE_PASSWORD}", *rules
            )
        with pytest.raises((AssertionError, StorageUnavailableError)):
            do_all_that_the_service_does(user)


def accepts(node: Node, password: str) -> bool:
    with Redis(node.host, node.port, password=password, retry=ONCE) as client:
        try:
            return bool(client.ping())
        except AuthenticationError:
            return False


def restart_with_its_own_file(node: Node, password: str) -> None:
    """Restart a server as it is configured now; the cluster's own `restart` configures it anew."""
    node.kill()
    node.start(find_program(None))
    wait_until(lambda: accepts(node, password))


def test_password_of_the_servers_is_changed_without_a_failed_write(
    own_cluster: Cluster, tmp_path: Path
) -> None:
    operator = Operator(own_cluster, tmp_path)
    environ, new = own_cluster.environ, "new-secret"
    let_in, forget, who_tries = blocks("Change the servers' password")
    with service(environ, **NO_RETRIES):
        operator.runs(let_in, NEW_PASSWORD=new)
    with service({**environ, "REDIS_PASSWORD": new}, **NO_RETRIES):
        operator.runs(forget, NEW_PASSWORD=new)
    for node in own_cluster.nodes:
        assert accepts(node, new)
        assert not accepts(node, SERVERS_PASSWORD)
    assert operator.runs(who_tries, REDIS_PASSWORD=new).count("HELLO") == 3

    replica = own_cluster.replicas()[0]
    restart_with_its_own_file(replica, new)
    follows = f"until server {replica} INFO replication | grep status:up; do sleep 0.1; done"
    operator.runs(follows, REDIS_PASSWORD=new)


def test_password_of_the_sentinels_is_changed_without_a_failed_write(
    own_cluster: Cluster, tmp_path: Path
) -> None:
    operator = Operator(own_cluster, tmp_path)
    environ, new = own_cluster.environ, "new-secret"
    let_in, forget = blocks("Change the sentinels' password")
    with service(environ, **NO_RETRIES):
        operator.runs(let_in, NEW_SENTINEL_PASSWORD=new)
    with service({**environ, "REDIS_SENTINEL_PASSWORD": new}, **NO_RETRIES):
        operator.runs(forget, NEW_SENTINEL_PASSWORD=new)
    for node in own_cluster.sentinels:
        assert accepts(node, new)
        assert not accepts(node, SENTINELS_PASSWORD)

    restart_with_its_own_file(own_cluster.sentinels[0], new)
    operator.runs(
        "until about CKQUORUM | grep 'OK 3 usable'; do sleep 0.1; done", REDIS_SENTINEL_PASSWORD=new
    )


def test_password_of_the_service_is_changed_without_a_failed_write(
    user: dict[str, str], cluster: Cluster, operator: Operator
) -> None:
    new = "new-secret"
    (let_in,) = blocks("Change the service's password")
    with service(user, **NO_RETRIES):
        operator.runs(let_in, NEW_PASSWORD=new)
    user |= {"REDIS_PASSWORD": new, "REDIS_SENTINEL_PASSWORD": new}
    with service(user, **NO_RETRIES):
        operator.runs(USER, SERVICE_PASSWORD=new)
    for node in (*cluster.nodes, *cluster.sentinels):
        users = str(node.client().acl_list())
        assert users.count(sha256(new.encode()).hexdigest()) == 1
        assert sha256(SERVICE_PASSWORD.encode()).hexdigest() not in users
