"""A clone of the template, and projects of its releases that a team changes and updates."""

import json
import os
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from .bake import TEMPLATE, run_in, tool
from .edits import replace_in
from .git import git, listed
from .releases import release_commits_here
from .team import MIGRATION, change

# Each storage, without and with Lambda: the answers that are not the default.
ANSWERS: dict[str, dict[str, Any]] = {
    "json": {},
    "redis": {"storage_backend": "redis"},
    "sql": {"storage_backend": "sql"},
    "json-lambda": {"use_zappa": True},
    "redis-lambda": {"storage_backend": "redis", "use_zappa": True},
    "sql-lambda": {"storage_backend": "sql", "use_zappa": True},
}


@dataclass(frozen=True, slots=True)
class Workshop:
    """A clone of the template with what lies in the working tree, and projects made from it.

    Its branches are `main`, which is the working tree, and `next`, a release after it. Each release
    has its tag.
    """

    folder: Path

    @property
    def template(self) -> Path:
        """The clone."""
        return self.folder / "cookiecutter-flask-store"

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a user who has set nothing up, neither for git nor for Cookiecutter.

        What cruft leaves in the temporary folder goes with the test run.
        """
        return {
            "COOKIECUTTER_CONFIG": str(self.folder / "cookiecutter.yaml"),
            "GIT_AUTHOR_EMAIL": "team@example.com",
            "GIT_AUTHOR_NAME": "The Team",
            "GIT_COMMITTER_EMAIL": "team@example.com",
            "GIT_COMMITTER_NAME": "The Team",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "TMPDIR": str(self.folder / "tmp"),
        }

    @classmethod
    def set_up(cls, folder: Path) -> "Workshop":
        """Clone the template into a folder, if it is not there."""
        workshop = cls(folder)
        folder.mkdir(exist_ok=True)
        with FileLock(folder / "template.lock"):
            if not (folder / "ready").exists():
                (folder / "tmp").mkdir()
                (folder / "cookiecutter.yaml").write_text(
                    f"cookiecutters_dir: {folder / 'cookiecutters'}\n"
                    f"replay_dir: {folder / 'replay'}\n"
                )
                workshop._clone()
                workshop._lay_the_working_tree_over()
                workshop._commit_next()
                (folder / "ready").touch()
        return workshop

    def git(self, *arguments: str) -> str:
        """Run a git command in the clone."""
        return git(self.template, *arguments, environ=self.environ)

    def _clone(self) -> None:
        commits = release_commits_here()
        git(self.folder, "clone", "--quiet", str(TEMPLATE), str(self.template))
        self.git("checkout", "--quiet", "-B", "main")
        for version, commit in commits.items():
            self.git("tag", "--force", f"v{version}", commit)

    def _lay_the_working_tree_over(self) -> None:
        self.git("rm", "--quiet", "-r", ".")
        for file in listed(TEMPLATE):
            target = self.template / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TEMPLATE / file, target)
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "-m", "The working tree")

    def _commit_next(self) -> None:
        """Rename a file of the template, delete one, change one, and add one by a row."""
        self.git("checkout", "--quiet", "-b", "next")
        project = self.template / "{{cookiecutter.__folder}}"
        renamed = project / "tests" / "strategies.py"
        replace_in(renamed, '"""', '"""In the next release: ', count=1)
        renamed.rename(project / "tests" / "generated.py")
        (project / "tests" / "test_retry.py").unlink()
        replace_in(project / "Makefile", "PYTHON ?= python3", "PYTHON ?= python3.11")
        for backend in ("json", "redis"):
            (project / f"NOTES.{backend}.md").write_text(f"# With {backend}\n")
        row = 'Choice("NOTES.{0}.md", "storage_backend", "{0}", "NOTES.md"),\n    '
        replace_in(
            self.template / "hooks" / "post_gen_project.py",
            'Choice(".github", ',
            row.format("json") + row.format("redis") + 'Choice(".github", ',
        )
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", "The next release")
        self.git("checkout", "--quiet", "main")

    def cruft(self, *arguments: str, folder: Path | None = None) -> str:
        """What a cruft command that must succeed printed, run as from a script."""
        done = run_in(folder or self.folder, tool("cruft"), *arguments, environ=self.environ)
        output = done.stdout + done.stderr
        assert done.returncode == 0, f"cruft {' '.join(arguments)}\n{output}"
        return output

    def project(self, release: str, answers: Mapping[str, Any], folder: Path) -> "Project":
        """A copy of a project that was made from a release, or another commit, and committed.

        Args:
            release: The commit, as a name that git knows.
            answers: Those that are not the default.
            folder: What the copy is put into.
        """
        name = "-".join([release, *map(str, answers.values())])
        made = self.folder / "made" / name
        made.parent.mkdir(exist_ok=True)
        with FileLock(made.with_name(f"{name}.lock")):
            if not made.exists():
                making = made.with_name(f"{name}.making")
                making.mkdir()
                options = ["--checkout", release, "--output-dir", str(making)]
                self.cruft(
                    "create",
                    str(self.template),
                    "--no-input",
                    *options,
                    "--extra-context",
                    json.dumps(answers),
                )
                (path,) = making.iterdir()
                project = Project(path, self)
                project.git("init", "--quiet", "--initial-branch=main")
                project.commit("As rendered")
                making.rename(made)
        (path,) = made.iterdir()
        shutil.copytree(path, folder / path.name)
        return Project(folder / path.name, self)


@dataclass(frozen=True, slots=True)
class Project:
    """A project that was made with cruft, in a git repository of its own."""

    path: Path
    workshop: Workshop

    @property
    def state(self) -> dict[str, Any]:
        """What cruft keeps of the template and the answers."""
        state: dict[str, Any] = json.loads((self.path / ".cruft.json").read_text(encoding="utf-8"))
        return state

    @property
    def answers(self) -> dict[str, Any]:
        """The answers that the project was rendered with."""
        answers: dict[str, Any] = self.state["context"]["cookiecutter"]
        return answers

    @property
    def package(self) -> str:
        """The project's import name."""
        project = tomllib.loads((self.path / "pyproject.toml").read_text(encoding="utf-8"))
        return str(project["project"]["name"]).replace("-", "_")

    def git(self, *arguments: str) -> str:
        """Run a git command in the project."""
        return git(self.path, *arguments, environ=self.workshop.environ)

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", message)

    def cruft(self, *arguments: str) -> str:
        """What a cruft command that must succeed in the project printed."""
        return self.workshop.cruft(*arguments, folder=self.path)

    def update(self, *options: str, **answers: object) -> str:
        """Update as a user does, with other answers if they are given; what cruft printed."""
        changed = ("--variables-to-update", json.dumps(answers)) if answers else ()
        return self.cruft("update", "-y", *options, *changed)

    def files(self) -> dict[str, tuple[bool, bytes]]:
        """Every file that git does not ignore but the lock: may it be executed, and its bytes.

        Of cruft's own file, what names the template's place is left out: two may render the same.
        """
        files = {name: self.path / name for name in listed(self.path) if name != "uv.lock"}
        found = {
            name: (os.access(file, os.X_OK), file.read_bytes()) for name, file in files.items()
        }
        if ".cruft.json" in found:
            found[".cruft.json"] = (False, json.dumps(self._lasting_state()).encode())
        return found

    def _lasting_state(self) -> dict[str, Any]:
        state = self.state
        for name in ("template", "commit", "checkout"):
            del state[name]
        for name in ("_template", "_commit"):
            del state["context"]["cookiecutter"][name]
        return state

    def unmerged(self) -> list[str]:
        """The files that git could not merge."""
        return self.git("diff", "--name-only", "--diff-filter=U").splitlines()

    def changed_by_team(self) -> None:
        """Change what teams change, and commit it."""
        change(self.path, self.path / self.package)
        self.commit("What the team changed")

    def with_migration(self) -> None:
        """Add a migration to a project with a SQL database, and commit it."""
        (self.path / "migrations" / "versions" / "0002_index_names.py").write_text(MIGRATION)
        self.commit("The team's migration")
