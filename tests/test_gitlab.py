"""What runs for those who have chosen GitLab."""

import re
import tomllib

import pytest
import yaml

from .bake import Bake
from .conftest import COMBINATIONS, Render
from .test_workflows import answering


@pytest.fixture(params=answering("gitlab"))
def on_gitlab(request: pytest.FixtureRequest, render: Render) -> Bake:
    """Each combination that becomes a repository on GitLab."""
    return render(request.param, COMBINATIONS[request.param])


def commands_of_target(bake: Bake, target: str) -> list[str]:
    """What a target of a project's Makefile runs, as CI writes it."""
    recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", bake.read("Makefile"), re.MULTILINE)
    assert recipe
    lines = recipe[1].replace("$(UV)", "uv").replace("--no-sync ", "").splitlines()
    return [line.strip("\t@") for line in lines]


def gitlab_jobs(bake: Bake) -> dict[str, list[str]]:
    """Each job of a project on GitLab, with the commands that it runs."""
    content = yaml.safe_load(bake.read(".gitlab-ci.yml"))
    return {name: job["script"] for name, job in content.items() if "script" in job}


def test_gitlab_runs_what_make_runs(on_gitlab: Bake) -> None:
    jobs = gitlab_jobs(on_gitlab)
    jobs.pop("deploy", None)
    targets = ("lint", "test", "audit", "container")
    assert jobs == {target: commands_of_target(on_gitlab, target) for target in targets}


def test_gitlab_names_tools_that_the_project_installs(on_gitlab: Bake) -> None:
    groups = tomllib.loads(on_gitlab.read("pyproject.toml"))["dependency-groups"]
    installed = {re.split("[<>=]", line)[0] for group in groups.values() for line in group}
    named = [
        name
        for commands in gitlab_jobs(on_gitlab).values()
        for command in commands
        for name in re.findall(r"\buv run (\S+)", command)
    ]
    assert len(named) >= 4
    assert set(named) - {"python"} <= installed
