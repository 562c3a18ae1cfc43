"""docs/add-an-option.md, followed literally by a maintainer of the template."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter  # type: ignore[import-untyped]

from .bake import Bake, run_in, tool
from .conftest import COMBINATIONS, Render
from .developer import Developer
from .updating import Project, Workshop, git

pytestmark = [pytest.mark.slow, pytest.mark.long]

# The template's tests that judge what was added; the renderings' own are run here.
JUDGES = (
    "container",
    "docs_pages",
    "hooks",
    "hostile_answers",
    "release",
    "static",
    "swap_surface",
    "template",
)
PARTS = {
    "format": ["ruff format --check"],
    "lint": ["ruff check", "mypy"],
    "test-fast": [
        f"pytest -q -n 2 -m 'not slow' {' '.join(f'tests/test_{name}.py' for name in JUDGES)}"
    ],
    "test": [],
}


class Maintainer(Developer):
    """Someone who follows a page in a clone of the template, with this checkout's tools."""

    def __init__(self, page: str, folder: Path, workshop: Workshop) -> None:
        self.workshop = workshop
        git(folder, "clone", "--quiet", str(workshop.template), "template")
        super().__init__(folder / "template", f"docs/{page}")
        # A release leaves no heading.
        changelog = self.folder / "CHANGELOG.md"
        text = changelog.read_text(encoding="utf-8")
        if "### Added" not in text.partition("## Unreleased")[2].partition("\n## ")[0]:
            head = "## Unreleased\n\n### Added\n\n- This.\n"
            changelog.write_text(text.replace("## Unreleased\n", head), encoding="utf-8")

    def run(self, command: str) -> None:
        """Run a command, or, for `make`, those parts of it that concern what was added."""
        commands = [command]
        if command.startswith("make "):
            commands = [
                f".venv/bin/{part}" for target in command.split()[1:] for part in PARTS[target]
            ]
        for one in commands:
            here = one.replace(".venv/bin/", f"{Path(tool('python')).parent}/")
            done = run_in(self.folder, "sh", "-ec", here, environ=self.workshop.environ)
            assert done.returncode == 0, f"{one}\n{done.stdout}{done.stderr}"

    def commit(self) -> None:
        """Commit everything."""
        git(self.folder, "add", "--all", environ=self.workshop.environ)
        git(self.folder, "commit", "--quiet", "-m", "By the page", environ=self.workshop.environ)

    def rendered(self, answers: Mapping[str, str], folder: Path) -> Bake:
        """A project of the template as it is now, in a folder that is made."""
        folder.mkdir()
        path = cookiecutter(
            str(self.folder),
            no_input=True,
            # What is passed by a program is rendered as a template.
            extra_context={
                name: text.replace("{{", "{{ '{{' }}") for name, text in answers.items()
            },
            output_dir=str(folder),
            config_file=self.workshop.environ["COOKIECUTTER_CONFIG"],
        )
        return Bake(folder.name, Path(path), {"package_name": "customer_api", **answers})


@pytest.fixture(scope="session")
def workshop(shared: Path) -> Workshop:
    """The template's clone, for all processes of this test run."""
    return Workshop.set_up(shared / "workshop")


def contents(bake: Bake) -> dict[str, tuple[str, int]]:
    """What a project's files hold, and their modes."""
    return {file: (bake.read(file), (bake.path / file).stat().st_mode) for file in bake.files()}


def assert_other_answers_give_what_they_gave(
    maintainer: Maintainer, render: Render, folder: Path
) -> None:
    for name, answers in COMBINATIONS.items():
        before = render(name, answers)
        after = maintainer.rendered(answers, folder / name)
        assert contents(after) == contents(before)


def assert_own_checks_pass(bake: Bake) -> None:
    assert re.search(r"^=* ?[0-9]{3,} passed", bake.make("test"), re.MULTILINE)
    assert "Success: no issues found" in bake.make("lint")


NEW = {"editor": "vscode", "security_email": "security@example.org"}


def test_option_is_added_as_the_page_says(
    workshop: Workshop, render: Render, tmp_path: Path
) -> None:
    maintainer = Maintainer("add-an-option.md", tmp_path, workshop)
    workshop.cruft("create", str(maintainer.folder), "--no-input", "--output-dir", str(tmp_path))
    project = Project(tmp_path / "customer-api", workshop)
    project.git("init", "--quiet", "--initial-branch=main")
    project.commit("As rendered")

    for section in ("Add a choice", "Add a text", "Test it", "Projects that are there"):
        maintainer.follow(section)
    maintainer.commit()

    (tmp_path / "others").mkdir()
    assert_other_answers_give_what_they_gave(maintainer, render, tmp_path / "others")
    bake = maintainer.rendered(NEW, tmp_path / "new")
    default = render("default", COMBINATIONS["default"])
    assert set(bake.files()) - set(default.files()) == {".vscode/settings.json"}
    changed = {file for file in default.files() if bake.read(file) != default.read(file)}
    assert changed == {"README.md", "SECURITY.md"}
    assert_own_checks_pass(bake)

    # A project that was there goes on as it was, until its team wants the new answers.
    project.update()
    assert project.git("status", "--porcelain").splitlines() == ["M .cruft.json"]
    project.commit("Updated")
    project.update(**NEW)
    assert project.unmerged() == []
    new = {file: (bake.path / file).read_bytes() for file in bake.files()}
    assert {name: held for name, (_, held) in project.files().items() if name in new} == new
