"""What runs on GitHub and GitLab: the template's own workflows, and those of its projects."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .bake import TEMPLATE, Bake, make_targets, run_in, tool
from .conftest import COMBINATIONS, OPTIONS, Render

WORKFLOWS = ".github/workflows"
PIN = re.compile(r"\s*(?:- )?uses: ([\w.-]+/[\w./-]+)@([0-9a-f]{40} # v\d+\.\d+\.\d+)")


def answering(ci: str) -> list[str]:
    """The combinations that chose this CI."""
    return [
        name for name, answers in COMBINATIONS.items() if answers.get("ci", OPTIONS["ci"][0]) == ci
    ]


@pytest.fixture(params=["template", *answering("github")])
def repository(request: pytest.FixtureRequest, render: Render) -> Path:
    """Each folder that is, or becomes, a repository on GitHub."""
    name: str = request.param
    return TEMPLATE if name == "template" else render(name, COMBINATIONS[name]).path


def files(repository: Path) -> list[Path]:
    """The files of a repository's workflows."""
    found = sorted((repository / WORKFLOWS).iterdir())
    assert found
    return found


def workflows(repository: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each workflow of a repository, by the name of its file."""
    for file in files(repository):
        yield file.name, yaml.safe_load(file.read_text(encoding="utf-8"))


def steps(repository: Path) -> Iterator[dict[str, Any]]:
    """Each step of each job of each workflow of a repository."""
    for _, workflow in workflows(repository):
        for job in workflow["jobs"].values():
            yield from job["steps"]


def pins(repository: Path) -> Iterator[tuple[str, str]]:
    """Each action that a repository uses, with its commit and version."""
    for file in files(repository):
        for line in file.read_text(encoding="utf-8").splitlines():
            if "uses:" in line:
                pin = PIN.fullmatch(line)
                assert pin, f"{file.name}: not pinned: {line.strip()}"
                yield pin[1], pin[2]


def test_every_action_is_pinned_by_commit_and_names_its_version(repository: Path) -> None:
    assert list(pins(repository))


def test_an_action_is_pinned_to_one_commit_everywhere(render: Render) -> None:
    commits: dict[str, set[str]] = {}
    for folder in (TEMPLATE, *(render(n, COMBINATIONS[n]).path for n in answering("github"))):
        for action, commit in pins(folder):
            commits.setdefault(action, set()).add(commit)
    assert {action for action, pinned in commits.items() if len(pinned) > 1} == set()


def test_every_workflow_may_only_read_the_repository_and_sign_in_to_deploy_and_publish(
    repository: Path,
) -> None:
    more = {
        "deploy": {"contents": "read", "id-token": "write"},
        "publish": {"pages": "write", "id-token": "write"},
    }
    for file, workflow in workflows(repository):
        assert workflow["permissions"] == {"contents": "read"}, file
        for name, job in workflow["jobs"].items():
            assert job.get("permissions", {}) == more.get(name, {}), f"{file}: {name}"


def test_the_site_is_published_only_from_main_once_the_tests_have_passed() -> None:
    jobs = dict(workflows(TEMPLATE))["test.yml"]["jobs"]
    publish = jobs["publish"]
    assert publish["if"] == "github.ref == 'refs/heads/main'"
    assert publish["needs"] == ["linux", "site"]
    assert publish["environment"]["name"] == "github-pages"
    (build,) = (step["run"] for step in jobs["site"]["steps"] if "run" in step)
    assert build == "make docs"
    (upload,) = (step for step in jobs["site"]["steps"] if "upload" in step.get("uses", ""))
    assert f"SITE ?= {upload['with']['path']}\n" in (TEMPLATE / "Makefile").read_text()


def test_deployment_waits_for_the_approval_of_its_stage(repository: Path) -> None:
    for file, workflow in workflows(repository):
        for name, job in workflow["jobs"].items():
            assert ("environment" in job) == (name in ("deploy", "publish")), file
            if name == "deploy":
                assert job["environment"] == "${{ inputs.stage }}"
                stages = json.loads((repository / "zappa_settings.json").read_text())
                (asked,) = re.findall(
                    r"options: \[(.*)\]", (repository / WORKFLOWS / file).read_text()
                )
                assert asked.split(", ") == list(stages)


def test_every_workflow_says_which_of_its_runs_replace_each_other(repository: Path) -> None:
    for file, workflow in workflows(repository):
        assert workflow["concurrency"].keys() == {"group", "cancel-in-progress"}, file


def test_every_job_has_a_timeout(repository: Path) -> None:
    for file, workflow in workflows(repository):
        for name, job in workflow["jobs"].items():
            assert 0 < job["timeout-minutes"] <= 60, f"{file}: {name}"


def test_checkout_leaves_no_credentials_behind(repository: Path) -> None:
    checkouts = [s for s in steps(repository) if s.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_every_make_target_that_a_workflow_calls_exists(repository: Path, render: Render) -> None:
    rendered = render("default", COMBINATIONS["default"]).path
    called = set()
    for step in steps(repository):
        folder = rendered if "working-directory" in step else repository
        for targets in re.findall(r"\bmake ((?:[a-z-]+ ?)+)", step.get("run", "")):
            called |= {(folder, target) for target in targets.split()}
    assert called
    assert {target for folder, target in called if target not in make_targets(folder)} == set()


def test_the_smoke_enters_the_folder_that_it_renders(render: Render) -> None:
    rendered = render("default", COMBINATIONS["default"]).path.name
    folders = {s["working-directory"] for s in steps(TEMPLATE) if "working-directory" in s}
    assert folders == {f"${{{{ runner.temp }}}}/{rendered}"}


def test_a_workflow_in_the_template_is_yaml_before_it_is_rendered() -> None:
    """One that is not stops Dependabot: it would update none."""
    (project,) = TEMPLATE.glob("{{*")
    for file, workflow in workflows(project):
        assert workflow["jobs"], file


def test_dependabot_looks_into_every_folder_of_workflows() -> None:
    dependabot = yaml.safe_load((TEMPLATE / ".github/dependabot.yml").read_text(encoding="utf-8"))
    (folders,) = (
        entry["directories"]
        for entry in dependabot["updates"]
        if entry["package-ecosystem"] == "github-actions"
    )
    (project,) = TEMPLATE.glob("{{*")
    assert folders == ["/", f"/{project.name}/{WORKFLOWS}"]  # "/" means its .github/workflows


def test_dependabot_can_read_which_images_a_project_uses() -> None:
    (project,) = TEMPLATE.glob("{{*")
    lines = (project / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert not any("{" in line for line in lines if line.startswith("FROM "))
    composed = sorted(project.glob("compose.*.yaml"))
    assert len(composed) == 3
    for file in composed:
        for name, service in yaml.safe_load(file.read_text(encoding="utf-8"))["services"].items():
            assert "build" in service or re.fullmatch(r"[\w/]+:[\w.-]+", service["image"]), name


def test_zizmor_finds_nothing(repository: Path) -> None:
    zizmor = (tool("zizmor"), "--offline", "--no-progress", "--strict-collection", ".github")
    done = run_in(repository, *zizmor)
    assert done.returncode == 0, done.stdout + done.stderr


SCHEMAS = {
    ".github/dependabot.yml": "vendor.dependabot",
    ".gitlab-ci.yml": "vendor.gitlab-ci",
    "renovate.json": "vendor.renovate",
}


def test_settings_of_services_fit_their_schemas(bake: Bake) -> None:
    present = [file for file in SCHEMAS if (bake.path / file).exists()]
    assert bool(present) == (bake.answers["ci"] != "none")
    for file in present:
        schema = ("--builtin-schema", SCHEMAS[file])
        done = bake.run(tool("check-jsonschema"), *schema, file)
        assert done.returncode == 0, done.stdout + done.stderr


def test_workflows_fit_their_schema(repository: Path) -> None:
    schema = ("--builtin-schema", "vendor.github-workflows")
    done = run_in(repository, tool("check-jsonschema"), *schema, *map(str, files(repository)))
    assert done.returncode == 0, done.stdout + done.stderr


def test_issue_forms_fit_their_schemas() -> None:
    forms = sorted((TEMPLATE / ".github" / "ISSUE_TEMPLATE").iterdir())
    assert [form.name for form in forms] == ["bug.yml", "config.yml", "feature.yml"]
    for form in forms:
        kind = "config" if form.name == "config.yml" else "forms"
        schema = ("--builtin-schema", f"vendor.github-issue-{kind}")
        done = run_in(TEMPLATE, tool("check-jsonschema"), *schema, str(form))
        assert done.returncode == 0, done.stdout + done.stderr


def test_dependabot_has_an_entry_for_each_kind_of_version(render: Render) -> None:
    for name in answering("github"):
        bake = render(name, COMBINATIONS[name])
        dependabot = yaml.safe_load(bake.read(".github/dependabot.yml"))
        seen = {entry["package-ecosystem"] for entry in dependabot["updates"]}
        compose = yaml.safe_load(bake.read("compose.yaml"))["services"].values()
        foreign = any("build" not in service for service in compose)
        assert seen == {"uv", "github-actions", "docker"} | (
            {"docker-compose"} if foreign else set()
        )


def test_each_version_of_python_that_is_promised_is_tested(bake: Bake) -> None:
    ci = {"github": ".github/workflows/ci.yml", "gitlab": ".gitlab-ci.yml"}.get(bake.answers["ci"])
    if ci:
        assert '["3.11", "3.13"]' in bake.read(ci)
    assert ">=3.11" in bake.read("pyproject.toml")
    assert "Python 3.11 to 3.13" in bake.read("SECURITY.md")
    assert "FROM python:3.13-" in bake.read("Dockerfile")
