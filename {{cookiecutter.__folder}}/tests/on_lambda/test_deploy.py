"""What is refused before anything is packaged or deployed: one line, and nothing is done."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from {{ cookiecutter.package_name }}.retry import RetryPolicy

from .package import PROJECT
from deploy.package import Prepared
from deploy.settings import FILE, DeployError, Stage

FILLED_IN = {"project_name": "shop", "aws_region": "eu-central-1", "runtime": "python3.13"}

Write = Callable[[dict[str, Any]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes settings; their folder."""

    def write_settings(stages: dict[str, Any]) -> Path:
        (tmp_path / FILE).write_text(json.dumps(stages))
        return tmp_path

    return write_settings


def test_stage_takes_over_what_it_extends_and_its_own_goes_first(write: Write) -> None:
    folder = write(
        {"dev": {**FILLED_IN, "memory_size": 1}, "live": {"extends": "dev", "memory_size": 2}}
    )
    stage = Stage.load("live", folder)
    assert dict(stage.values) == {**FILLED_IN, "memory_size": 2}
    assert (stage.function, stage.python) == ("shop-live", "3.13")


def test_function_has_the_name_that_zappa_gives_it(write: Write) -> None:
    assert Stage.load("QA_1", write({"QA_1": FILLED_IN})).function == "shop-qa-1"


@pytest.mark.parametrize(
    ("stages", "problem"),
    [
        ({"dev": {}, "live": {}}, "has no stage test: set STAGE to dev or live"),
        ({"test": {"extends": "missing"}}, ": the stage missing cannot be extended"),
        ({"test": {"extends": "test"}}, ": the stage test cannot be extended"),
    ],
)
def test_stage_that_is_not_there_is_named(
    write: Write, stages: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DeployError, match=problem):
        Stage.load("test", write(stages))


def test_damaged_settings_are_refused_with_the_place(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    with pytest.raises(DeployError, match=f"^{FILE} cannot be read: .*line 1"):
        Stage.load("dev", tmp_path)


@pytest.mark.parametrize(
    ("setting", "value", "name"),
    [
        ("s3_bucket", "FILL-IN: a bucket", "s3_bucket"),
        ("vpc_config", {"SubnetIds": ["subnet-1", "FILL-IN"]}, "vpc_config.SubnetIds"),
        ("efs_config", [{"Arn": "FILL-IN"}], "efs_config.Arn"),
    ],
)
def test_placeholder_is_named(write: Write, setting: str, value: object, name: str) -> None:
    stage = Stage.load("dev", write({"dev": {**FILLED_IN, setting: value}}))
    with pytest.raises(DeployError, match=f"^{FILE}: fill in {name} for the stage dev$"):
        stage.check_filled_in()


@pytest.mark.parametrize("name", ["dev", "staging", "production"])
def test_stage_keeps_to_the_limits_and_holds_no_secret(name: str) -> None:
    stage = Stage.load(name)
    # Longer than a request goes on trying, and shorter than API Gateway waits.
    assert RetryPolicy().deadline < stage.values["timeout_seconds"] < 29
    assert stage.values["debug"] is False
    assert "environment_variables" not in stage.values  # Zappa writes those into the package
    told = stage.values["aws_environment_variables"]
    assert [variable for variable in told if re.search("PASSWORD|URL|KEY", variable)] == []


@pytest.mark.parametrize("name", ["dev", "staging", "production"])
def test_stage_lets_everybody_in_only_where_the_gateway_decides(name: str) -> None:
    values = Stage.load(name).values
    decided_before = bool(values.get("iam_authorization") or values.get("authorizer"))
    is_open = values["aws_environment_variables"].get("ALLOW_ANONYMOUS", "0") == "1"
    assert decided_before or not is_open


def test_function_may_do_nothing_that_the_policy_does_not_name() -> None:
    policy = json.loads((PROJECT / "zappa_policy.json").read_text())
    actions = [action for statement in policy["Statement"] for action in statement["Action"]]
    assert actions
    assert [action for action in actions if "*" in action] == []


@pytest.mark.parametrize(("setting", "value"), [("runtime", "nodejs"), ("architecture", "z80")])
def test_runtime_that_is_none_is_refused(write: Write, setting: str, value: str) -> None:
    stage = Stage.load("dev", write({"dev": {**FILLED_IN, setting: value}}))
    with pytest.raises(DeployError, match=f"^{FILE}: {setting} must be "):
        print(stage.python, stage.platform)


def test_package_that_is_too_large_for_lambda_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("deploy.package.BUILD", tmp_path)
    monkeypatch.setattr("deploy.package.LARGEST", 2**20)
    monkeypatch.setattr(
        Prepared, "_install", lambda self: (self.packages / "big").write_bytes(bytes(3 * 2**20))
    )
    with pytest.raises(DeployError, match=r"^the package has 3 MiB unpacked, and Lambda takes 1: "):
        Prepared.make(Stage.load("dev"))


def run(folder: Path, *command: str) -> tuple[int, str]:
    """Run a command of this Python's environment; its exit status and what it says."""
    program = Path(sys.executable).with_name(command[0])
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [program, *command[1:]],
        cwd=folder,
        env={**environ, "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what deploys, with the settings filled in."""
    shutil.copytree(PROJECT / "deploy", tmp_path / "deploy")
    settings = (PROJECT / FILE).read_text().replace("FILL-IN", "filled-in")
    (tmp_path / FILE).write_text(
        settings.replace("filled-in, such as eu-central-1", "eu-central-1")
    )
    shutil.copy(PROJECT / "zappa_policy.json", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "usage: python -m deploy package|deploy|check STAGE"),
        (["destroy", "dev"], "usage: python -m deploy package|deploy|check STAGE"),
        (["deploy"], "for which stage? As in: make deploy STAGE=dev"),
        (
            ["deploy", "test"],
            f"{FILE} has no stage test: set STAGE to dev or staging or production",
        ),
        (
            ["deploy", "dev"],
            "there are no AWS credentials: sign in, and name the profile in AWS_PROFILE",
        ),
    ],
)
def test_mistake_is_one_line_and_nothing_is_built(
    project: Path, arguments: list[str], line: str
) -> None:
    status, said = run(project, "python", "-m", "deploy", *arguments)
    assert (status, said.splitlines()[-1]) == (1, f"deploy: {line}")
    assert not (project / "build").exists()


def test_settings_as_they_are_rendered_are_not_deployed() -> None:
    status, said = run(PROJECT, "python", "-m", "deploy", "deploy", "dev")
    assert (status, said) == (1, f"deploy: {FILE}: fill in aws_region for the stage dev\n")


def test_zappa_does_not_package_the_project_s_folder(project: Path) -> None:
    status, said = run(project, "zappa", "package", "dev")
    assert status != 0
    assert "`make package` and `make deploy` package the application, and nothing else" in said
    assert not list(project.glob("*.zip"))
