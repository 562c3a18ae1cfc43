"""The cluster of compose.yaml: its commands and health checks, without containers."""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis import Redis

from {{ cookiecutter.package_name }} import create_app

from .contract import STORED
from .endings import wait_until
from .valkey_programs import put_into
from dev.ports import free_ports
from dev.processes import Processes

PROJECT = Path(__file__).parents[1]
TEXT = (PROJECT / "compose.yaml").read_text(encoding="utf-8")
SERVICES: dict[str, Any] = yaml.safe_load(TEXT)["services"]
SERVICE = SERVICES.pop("service")  # the others are the cluster
# Six names for one address, as a container's name leads to an address.
NAMES = ("127.0.0.1", "127.0.1", "0x7f000001", "0x7f.0.0.1", "0x7f.0.1", "0x7f.1")
# Sentinels look for replicas each 10 s otherwise.
LOOK_OFTEN = "valkey-cli -e -p 26379 SENTINEL DEBUG info-period 300 publish-period 300"
PASSWORDS = {"REDIS_PASSWORD": "secret1", "REDIS_SENTINEL_PASSWORD": "secret2"}

pytestmark = pytest.mark.skipif("REDIS_SERVER" in os.environ, reason="compose.yaml is for Valkey")


@dataclass
class Stack:
    """The services, each with a folder as its /data, and with names and ports of this machine."""

    folder: Path
    processes: Processes = field(default_factory=Processes)

    def __post_init__(self) -> None:
        ports = free_ports("127.0.0.1", len(SERVICES))
        self.hosts = dict(zip(SERVICES, NAMES, strict=True))
        self.ports = dict(zip(SERVICES, ports, strict=True))
        self._running: dict[str, Any] = {}
        put_into(self.folder / "bin")
        for name in SERVICES:
            (self.folder / name).mkdir()

    def start(self) -> None:
        """Start the services, and wait until all are healthy."""
        for name, service in SERVICES.items():
            command = [self._here(name, word) for word in service["command"]]
            in_folder = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', str(self.folder / name)]
            variables = [f"{key}={value}" for key, value in self._environ(name).items()]
            self._running[name] = self.processes.start(
                ["env", *variables, *in_folder, *command], self.folder / name / "log"
            )
        for name in SERVICES:
            if "sentinel" in name:
                assert wait_until(partial(self._succeeds, name, LOOK_OFTEN))
        assert wait_until(lambda: all(map(self.is_healthy, SERVICES)))

    def kill(self, *names: str) -> None:
        for name in names:
            self.processes.kill(self._running[name])

    def is_healthy(self, name: str) -> bool:
        kind, test = SERVICES[name]["healthcheck"]["test"]
        assert kind == "CMD-SHELL"
        return self._succeeds(name, test)

    def environ(self) -> dict[str, str]:
        """The variables of a service that uses the cluster."""
        sentinels = [name for name in SERVICES if "sentinel" in name]
        addresses = [f"{self.hosts[name]}:{self.ports[name]}" for name in sentinels]
        return {"REDIS_SENTINELS": ",".join(addresses), **PASSWORDS}

    def master(self) -> str:
        """The service that the first sentinel calls the master."""
        port = self.ports["sentinel-1"]
        with Redis(port=port, password=PASSWORDS["REDIS_SENTINEL_PASSWORD"]) as sentinel:
            (_, of_master) = sentinel.sentinel_get_master_addr_by_name("mymaster")
        return next(name for name, port in self.ports.items() if port == of_master)

    def _succeeds(self, name: str, script: str) -> bool:
        environ = {**os.environ, **self._environ(name)}
        command = ["/bin/sh", "-c", self._here(name, script)]
        return not subprocess.run(command, env=environ, capture_output=True, timeout=10).returncode

    def _environ(self, name: str) -> dict[str, str]:
        variables = SERVICES[name]["environment"]
        path = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"]])
        ours = {"PATH": path, "HOSTNAME": self.hosts[SERVICES[name]["hostname"]]}
        return ours | {key: self._here(name, value) for key, value in variables.items()}

    def _here(self, name: str, text: str) -> str:
        """A text as Compose gives it to a container, but with names and ports of this machine."""
        text = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda match: PASSWORDS[match[1]], text)
        text = text.replace("$$", "$")
        for other, port in self.ports.items():
            text = re.sub(rf"\b{other} \d+", f"{other} {port}", text)
        text = re.sub(r"(port |-p )\d+", rf"\g<1>{self.ports[name]}", text)
        for other, host in self.hosts.items():
            text = text.replace(other, host)
        return text


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All services, healthy."""
    stack = Stack(tmp_path_factory.mktemp("stack"))
    try:
        stack.start()
        yield stack
    finally:
        stack.processes.stop()


def test_service_stores_customers_in_the_cluster(stack: Stack) -> None:
    app = create_app(stack.environ())
    assert app.test_client().post("/set", json=STORED).text == "success"
    assert app.test_cli_runner().invoke(args=["storage", "check"]).output.endswith("\nok\n")


def test_loss_of_the_master_and_then_of_all_power_loses_no_customer(stack: Stack) -> None:
    old = stack.master()
    app = create_app(stack.environ())
    app.test_client().post("/set", json=STORED)
    stack.kill(old)
    assert app.test_client().post("/set", json={**STORED, "customerID": "8"}).text == "success"
    assert wait_until(lambda: stack.master() != old)  # the first sentinel may hear of it late
    new = stack.master()
    stack.kill(*SERVICES)
    stack.start()
    assert stack.master() == new
    assert app.test_client().get("/").get_json().keys() == {"7", "8"}


def test_passwords_are_asked_for_and_not_in_the_file() -> None:
    values = [value for one in SERVICES.values() for value in one["environment"].values()]
    values += [SERVICE["environment"][name] for name in PASSWORDS]
    assert len(values) == 11
    assert all(re.fullmatch(r"\$\{REDIS_(SENTINEL_)?PASSWORD:\?.+\}", value) for value in values)


def test_service_waits_for_all_servers_and_knows_each_sentinel() -> None:
    waits = SERVICE["depends_on"]
    assert waits.keys() == SERVICES.keys()
    assert all(one == {"condition": "service_healthy"} for one in waits.values())
    named = SERVICE["environment"]["REDIS_SENTINELS"].split(",")
    assert named == [f"{name}:26379" for name in SERVICES if "sentinel" in name]


@pytest.mark.parametrize("name", SERVICES)
def test_container_is_reached_from_its_network_only_and_can_do_little(name: str) -> None:
    service = SERVICES[name]
    assert "ports" not in service
    assert "network_mode" not in service
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] == "valkey"
