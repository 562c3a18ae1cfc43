"""docs/redis.md: each block of commands does on a real cluster what the document says."""

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from textwrap import dedent

import pytest
from redis import AuthenticationError, Redis, RedisError

from {{ cookiecutter.package_name }} import create_app
from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import StorageUnavailableError, redis_failover
from {{ cookiecutter.package_name }}.storage.redis_sentinel import RedisSentinelStorage
from {{ cookiecutter.package_name }}.storage.redis_settings import ONCE

from .contract import CASES, STORED
from dev.cluster import Cluster
from dev.node import Node, find_program
from dev.ports import free_ports

PROJECT = Path(__file__).parents[1]
DOCUMENT = (PROJECT / "docs" / "redis.md").read_text(encoding="utf-8")
SERVERS_PASSWORD = "secret-of-the-servers"
SENTINELS_PASSWORD = "secret-of-the-sentinels"
NO_RETRIES = {"RETRY_MAX_RETRIES": "0", "REDIS_WAIT_MS": "5000"}
SERVICE_PASSWORD = "secret-of-the-service"


def blocks(heading: str, language: str = "console") -> list[str]:
    """The blocks of a section of the document, without those of the sections below it."""
    (section,) = re.findall(rf"^##+ {heading}\n(.*?)(?:^##|\Z)", DOCUMENT, re.DOTALL | re.MULTILINE)
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", section, re.DOTALL | re.MULTILINE)
    return [dedent(block) for block in found]


# Sentinels look for replicas each 10 s; Redis before 7.0 cannot be told another time.
LOOK_OFTEN = """
for address in $SENTINELS; do
  sentinel "$address" SENTINEL DEBUG info-period 300 publish-period 300
done 2>/dev/null || true
"""
USER, USER_THAT_HANDS_OVER = blocks("The service's user")
HAND_OVER = blocks("Hand over before maintenance")
RULES = re.findall(r" '?([+~][^\s']+)", USER)


@dataclass(frozen=True)
class Operator:
    """Someone at a shell who follows the document, with a cluster's variables set."""

    cluster: Cluster
    folder: Path

    def __post_init__(self) -> None:
        programs = self.folder / "bin"
        programs.mkdir()
        (programs / "valkey-server").symlink_to(find_program(None))
        if not shutil.which("valkey-cli"):
            stand_in = PROJECT / "tests" / "valkey_cli.py"
            script = f'#!/bin/sh\nexec "{sys.executable}" -I -S "{stand_in}" "$@"\n'
            (programs / "valkey-cli").write_text(script)
            (programs / "valkey-cli").chmod(0o755)

    def runs(self, commands: str, **variables: str) -> str:
        """Run commands, after those of the section "Shell"; what they print."""
        done = subprocess.run(
            ["/bin/sh", "-euc", "".join((*blocks("Shell"), commands))],
            env=self._environ(variables),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout

    def starts(self, server: str) -> subprocess.Popen[bytes]:
        """Run a command that starts a server; it ends with the cluster."""
        path = self._environ({})["PATH"]
        script = f'cd "$0"; PATH=$1; exec {server}'
        command: list[str | Path] = ["/bin/sh", "-c", script, self.folder, path]
        return self.cluster.processes.start(command, self.folder / "log")

    def _environ(self, variables: dict[str, str]) -> dict[str, str]:
        path = [str(self.folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
        ours = {"PATH": os.pathsep.join(path), "FLASK_APP": f"{PROJECT}/run.py"}
        inherited = {k: value for k, value in os.environ.items() if not k.startswith("REDIS")}
        return {**inherited, **ours, **self.cluster.environ, **variables}


def new_cluster() -> Cluster:
    return Cluster(password=SERVERS_PASSWORD, sentinel_password=SENTINELS_PASSWORD)


@pytest.fixture(scope="module")
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


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait; a server that cannot be asked is one more reason to."""
    give_up_at = time.monotonic() + 20
    while True:
        with suppress(RedisError):
            if holds():
                return
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


@contextmanager
def loss_of(cluster: Cluster, *nodes: Node) -> Iterator[None]:
    """Inside the `with`, some servers are gone."""
    for node in nodes:
        cluster.kill(node)
    try:
        yield
    finally:
        for node in nodes:
            cluster.restart(node)


@contextmanager
def service(environ: dict[str, str], **variables: str) -> Iterator[Callable[[], None]]:
    """A service that writes all the time: no write may fail, and none be gone at the end.

    Gives a function that waits until ten more writes were answered.
    """
    config = Config.from_environ({**environ, **variables})
    storage = RedisSentinelStorage.from_environment(config.environment, config.retry)
    written: list[str] = []
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.005):
            customer = Customer(f"{id(storage)}-{len(written)}", "Ada", "Lovelace")
            storage.set(customer)
            written.append(customer.customer_id)

    def wait_for_writes() -> None:
        enough = len(written) + 10
        wait_until(lambda: len(written) >= enough or writer.done())

    with ThreadPoolExecutor() as pool:
        writer = pool.submit(write)
        try:
            wait_for_writes()
            yield wait_for_writes
            wait_for_writes()
        finally:
            stop.set()
        writer.result()
    assert set(written) <= {one.customer_id for batch in storage.stream() for one in batch}
    storage.close()


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


def test_shell_finds_every_server(operator: Operator) -> None:
    nodes = [str(node) for node in operator.cluster.nodes]
    master = str(operator.cluster.master())
    listed = operator.runs("echo $SERVERS; master").split()
    assert sorted(listed[:-1]) == sorted(nodes)
    assert listed[0] == listed[-1] == master


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


def test_check_prints_what_the_document_shows(operator: Operator) -> None:
    def shape(text: str) -> list[str]:
        return [re.sub(r"\d+(\.\d+)*", "N", line) for line in text.splitlines()]

    (command,) = blocks("Check")
    (shown,) = blocks("Check", "text")
    assert shape(operator.runs(command)) == shape(shown)


def test_warnings_of_the_document_are_those_of_the_command(
    cluster: Cluster, operator: Operator
) -> None:
    (command,) = blocks("Check")
    master = cluster.master()
    with loss_of(cluster, cluster.replicas()[0], *cluster.sentinels[1:]):
        master.client().config_set("min-replicas-to-write", 0)
        printed = operator.runs(command, REDIS_WAIT_REPLICAS="0").splitlines()
        master.client().config_set("min-replicas-to-write", 1)

    explained = "\n".join(re.findall(r"^\| (`.*`) \| .* \|$", DOCUMENT, re.MULTILINE))
    warnings = [line.removeprefix("warning: ") for line in printed if line.startswith("warning")]
    assert len(warnings) == 6
    for warning in warnings:
        shown = re.sub(r"^sentinel \S+ (cannot be reached): .*", r"sentinel … \1: …", warning)
        assert f"`{shown}`" in explained


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


def known_sentinels(cluster: Cluster) -> set[int]:
    """How many sentinels each one knows, itself included."""
    return {node.sentinel("MASTER")["num-other-sentinels"] + 1 for node in cluster.sentinels}


def test_sentinel_is_added_and_removed(own_cluster: Cluster, tmp_path: Path) -> None:
    operator = Operator(own_cluster, tmp_path)
    (port,) = free_ports("127.0.0.1", 1)
    address = f"127.0.0.1:{port}"
    file, start = blocks("A sentinel")
    (wait_until_known,) = blocks("Add a sentinel")
    (remove,) = blocks("Remove a sentinel")
    operator.runs(LOOK_OFTEN)
    with service(own_cluster.environ):
        operator.runs(file, NEW_SENTINEL=address)
        operator.starts(start)
        printed = operator.runs(wait_until_known, NEW_SENTINEL=address)
        assert printed.count("OK 4 usable Sentinels") == 4
        assert known_sentinels(own_cluster) == {4}

        all_four = f"{own_cluster.environ['REDIS_SENTINELS']},{address}"
        operator.runs(remove, GONE=address, REDIS_SENTINELS=all_four)
        assert known_sentinels(own_cluster) == {3}
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_new_server_follows_the_master(cluster: Cluster, operator: Operator) -> None:
    lost = cluster.replicas()[0]
    file, start = blocks("A server")
    with service(cluster.environ), loss_of(cluster, lost):
        operator.runs(file, SERVER=str(lost))
        new = operator.starts(start)
        wait_until(lambda: cluster.master().info("replication")["connected_slaves"] == 2)
        cluster.processes.kill(new)


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


def test_writes_without_enough_replicas_are_answered_as_the_document_says(
    cluster: Cluster,
) -> None:
    (shown,) = blocks("When there are too few replicas", "text")
    client = create_app({**cluster.environ, "RETRY_DEADLINE_SECONDS": "0.3"}).test_client()
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


def test_bare_keys_are_moved_while_the_service_s_user_writes_all_the_time(
    user: dict[str, str], cluster: Cluster, operator: Operator
) -> None:
    see, permit, move = blocks("Move bare keys under a prefix")
    (shown,) = blocks("Move bare keys under a prefix", "text")
    first, second, last = (
        {**user, **dict(re.findall("^(.*?)=(.*)$", block, re.MULTILINE))}
        for block in blocks("Move bare keys under a prefix", "ini")
    )
    as_user = "".join(f"export {name}={value}\n" for name, value in user.items())
    master = cluster.master().client()
    master.flushall()
    others = {"a list": "customer:list", "a set": "tags", "a text": "session:9"}
    master.rpush(others["a list"], "x")
    master.sadd(others["a set"], "x")
    master.set(others["a text"], "x")
    operator.runs(USER.replace("~customer:*", "~*"), SERVICE_PASSWORD=SERVICE_PASSWORD)
    with service({**user, "REDIS_KEY_PREFIX": ""}, **NO_RETRIES) as wait_for_writes:
        assert operator.runs(as_user + see).endswith("3 keys that hold no customer are left\n")
        operator.runs(permit)
        with service(first, **NO_RETRIES):
            wait_for_writes()
    with service(first, **NO_RETRIES), service(second, **NO_RETRIES) as wait_for_writes:
        wait_for_writes()
    there = listed_by(second)
    assert len(there) >= 80
    with service(second, **NO_RETRIES):
        printed = operator.runs(as_user + move)
    assert re.sub("moved [0-9,]+", "moved 1,000", printed) == shown
    with service(second, **NO_RETRIES), service(last, **NO_RETRIES) as wait_for_writes:
        wait_for_writes()
    with service(last, **NO_RETRIES):
        operator.runs(USER, SERVICE_PASSWORD=SERVICE_PASSWORD)
    assert there <= listed_by(last)
    left = {key.decode() for key in master.scan_iter()} - set(others.values())
    assert all(key.startswith("customer:") for key in left)


def listed_by(environ: dict[str, str]) -> set[str]:
    config = Config.from_environ(environ)
    with closing(
        RedisSentinelStorage.from_environment(config.environment, config.retry)
    ) as storage:
        return {one.customer_id for batch in storage.stream() for one in batch}


def test_each_block_of_commands_is_run_here() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    sections = re.findall(r"^##+ (.*)\n((?:(?!^##).*\n)*)", DOCUMENT, re.MULTILINE)
    with_commands = [heading for heading, text in sections if "```console" in text]
    assert len(with_commands) > 10
    assert [one for one in with_commands if f'blocks("{one}")' not in tests] == []
