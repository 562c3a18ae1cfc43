"""What happens when the master fails, hands over, or loses its replicas."""

import re

import pytest

from {{ cookiecutter.package_name }} import create_app
from {{ cookiecutter.package_name }}.storage import redis_failover

from ..contract import STORED
from .operators import (
    DOCUMENT,
    USER_THAT_HANDS_OVER,
    Operator,
    blocks,
    loss_of,
    service,
    wait_until,
)
from dev.cluster import Cluster

HAND_OVER = blocks("Hand over before maintenance")


def test_master_that_fails_is_replaced_and_comes_back_as_a_replica(
    cluster: Cluster, operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    (shown,) = blocks("When the master fails", "text")
    (commands,) = blocks("When the master fails")
    old = cluster.master()
    with service(cluster.environ) as wait_for_writes:
        with loss_of(cluster, old):
            cluster.wait_for_new_master(old)
            wait_for_writes()
        # The sentinels learn of it one after the other, and what they say differs until then.
        wait_until(lambda: operator.runs(commands, OLD=str(old)).splitlines()[-1] == "ok")
    assert old.info("replication")["role"] == "slave"
    pattern = re.sub(r"\d+", r"\\d+", re.escape(shown.strip()))
    assert any(re.fullmatch(pattern, message) for message in caplog.messages)
    logs = "".join(sentinel.log.read_text() for sentinel in cluster.sentinels)
    for word in ("+odown", "+selected-slave", "+switch-master"):
        assert word in DOCUMENT
        assert word in logs


def test_flask_hands_over_if_its_user_may(
    user: dict[str, str], cluster: Cluster, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_failover, "_COORDINATED_SINCE", (99,))  # the way that needs most
    commands = [line.split()[1:] for line in HAND_OVER[0].splitlines()]
    assert commands[-1] == ["storage", "failover"]
    cli = create_app(user).test_cli_runner()
    assert "does not permit a command" in cli.invoke(args=commands[-1]).output
    operator.runs(USER_THAT_HANDS_OVER)
    old = cluster.master()
    with service(user):
        for command in commands:
            done = cli.invoke(args=command)
            assert done.exit_code == 0, done.output
    cluster.wait_for_new_master(old)


@pytest.mark.parametrize("commands", HAND_OVER[1:], ids=["coordinated", "paused"])
def test_operator_hands_over_and_nothing_is_lost(
    cluster: Cluster, operator: Operator, commands: str
) -> None:
    old = cluster.master()
    if "COORDINATED" in commands:
        version = old.info("server").get("valkey_version", "0")
        if tuple(map(int, version.split("."))) < (9, 1, 1):
            pytest.skip("this server cannot")
    with service(cluster.environ):
        operator.runs(commands)
    cluster.wait_for_new_master(old)


def test_writes_without_enough_replicas_are_answered_as_the_document_says(
    cluster: Cluster,
) -> None:
    (shown,) = blocks("When there are too few replicas", "text")
    client = create_app({**cluster.environ, "RETRY_DEADLINE_SECONDS": "1"}).test_client()
    replicas = cluster.replicas()
    for replica in replicas:
        cluster.freeze(replica)
    slow = client.post("/set", json=STORED)
    with loss_of(cluster, *replicas):
        refused = client.post("/set", json=STORED)
        read = client.get("/get/7")
    assert f"{refused.text}\n{slow.text}\n" == shown
    assert (refused.status_code, slow.status_code, read.status_code) == (503, 503, 200)


def test_writes_go_on_without_replicas_if_the_operator_wants_it(
    cluster: Cluster, operator: Operator
) -> None:
    let_go_on, as_before = blocks("When there are too few replicas")
    client = create_app({**cluster.environ, "REDIS_WAIT_REPLICAS": "0"}).test_client()
    with loss_of(cluster, *cluster.replicas()):
        operator.runs(let_go_on)
        answer = client.post("/set", json=STORED)
    operator.runs(as_before)
    assert answer.status_code == 200
    settings = cluster.master().client().config_get("min-replicas-to-write")
    assert settings == {"min-replicas-to-write": "1"}
