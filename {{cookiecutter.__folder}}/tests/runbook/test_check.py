"""The sections "Shell" and "Check", and that no block of commands is forgotten."""

import re
from pathlib import Path

from .operators import DOCUMENT, Operator, blocks, loss_of
from dev.cluster import Cluster


def test_shell_finds_every_server(operator: Operator) -> None:
    nodes = [str(node) for node in operator.cluster.nodes]
    master = str(operator.cluster.master())
    listed = operator.runs("echo $SERVERS; master").split()
    assert sorted(listed[:-1]) == sorted(nodes)
    assert listed[0] == listed[-1] == master


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


def test_each_block_of_commands_is_run_here() -> None:
    tests = "".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("*.py"))
    sections = re.findall(r"^##+ (.*)\n((?:(?!^##).*\n)*)", DOCUMENT, re.MULTILINE)
    with_commands = [heading for heading, text in sections if "```console" in text]
    assert len(with_commands) > 10
    assert [one for one in with_commands if f'blocks("{one}")' not in tests] == []
