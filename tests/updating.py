"""The template's releases, and projects of them that a team changes, updates and switches."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from .bake import TEMPLATE, clean_environ, run_in, tool

HEADING = re.compile(r"^## (\d+\.\d+\.\d+) - \d{4}-\d\d-\d\d$", re.MULTILINE)
ADDRESS = "https://github.com/ORG/cookiecutter-flask-store"

# Each storage, without and with Lambda.
COMBINATIONS: dict[str, dict[str, Any]] = {
    "json": {},
    "redis": {"storage_backend": "redis"},
    "sql": {"storage_backend": "sql"},
    "json-lambda": {"use_zappa": True},
    "redis-lambda": {"storage_backend": "redis", "use_zappa": True},
    "sql-lambda": {"storage_backend": "sql", "use_zappa": True},
}


class ShallowCloneError(Exception):
    """The releases cannot be found, as the history is not there."""


def git(folder: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> str:
    """What a git command that must succeed printed."""
    # A hook of git's that runs the tests has variables that lead to its own repository.
    done = run_in(folder, "env", *unset_git(), "git", *arguments, environ=environ)
    assert done.returncode == 0, f"git {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def unset_git() -> list[str]:
    """The arguments of `env` that unset what leads git to another repository."""
    names = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_WORK_TREE")
    return [argument for name in names for argument in ("-u", name)]


def committed_versions(repository: Path = TEMPLATE) -> list[str]:
    """The versions in the CHANGELOG.md that was committed last, the newest first."""
    return HEADING.findall(git(repository, "show", "HEAD:CHANGELOG.md"))


def release_commits(repository: Path = TEMPLATE) -> dict[str, str]:
    """Each release's commit: the last one that brought its heading into CHANGELOG.md.

    Found without tags, which not every clone has.

    Raises:
        ShallowCloneError: This is a part of the history only.
    """
    if git(repository, "rev-parse", "--is-shallow-repository") == "true":
        raise ShallowCloneError(
            "this clone has no history to find the template's releases in: git fetch --unshallow"
        )
    return {
        version: git(
            repository, "log", "-1", "--format=%H", f"-S## {version} - ", "--", "CHANGELOG.md"
        )
        for version in committed_versions(repository)
    }


def release_commits_here() -> dict[str, str]:
    """Each release's commit in this clone; skips the test where the clone has no history."""
    try:
        return release_commits()
    except ShallowCloneError as error:
        pytest.skip(str(error))


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
        listed = git(
            TEMPLATE, "ls-files", "-z", "--cached", "--others", "--exclude-standard"
        ).split("\0")
        self.git("rm", "--quiet", "-r", ".")
        for file in filter(None, listed):
            if (TEMPLATE / file).is_file():
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
        listed = self.git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        found = {}
        for name in set(listed.split("\0")) - {"", "uv.lock"}:
            file = self.path / name
            if file.exists():
                found[name] = (os.access(file, os.X_OK), file.read_bytes())
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
        """Change what teams change, and commit it.

        Every place is one that each release has with each answer.
        """
        package = self.path / self.package
        (package / "greetings.py").write_text(GREETINGS)
        insert_behind(
            package / "__init__.py",
            "from .config import Config\n",
            "from .greetings import blueprint as greetings\n",
        )
        insert_behind(
            package / "__init__.py",
            "    app.register_blueprint(health.blueprint)\n",
            '    app.register_blueprint(greetings(config.environment.text("GREETING", "Hello")))\n',
        )
        (self.path / "tests" / "test_greetings.py").write_text(TEST_GREETINGS)
        replace_in(
            self.path / "README.md",
            "Everything else is installed into this folder.",
            "Everything else is installed into this folder. Ask the team in room 7.",
        )
        append_to(self.path / "README.md", "\n## Our team\n\nAda and Grace.\n")
        # At the end of each list, as `uv add` does.
        pyproject = self.path / "pyproject.toml"
        dependencies, rest = pyproject.read_text().split("\n]\n\n[dependency-groups]\n")
        tools, rest = rest.split("\n]\n", 1)
        pyproject.write_text(
            f'{dependencies}\n  "werkzeug>=3.1,<4",\n]\n\n[dependency-groups]\n'
            f'{tools}\n  "packaging>=24",\n]\n{rest}'
        )
        append_to(self.path / ".env.example", "\n# What the service says first.\nGREETING=Hello\n")
        append_to(self.path / ".gitignore", "/notes/\n")
        makefile = self.path / "Makefile"
        makefile.write_text(
            re.sub("^(.PHONY: .*)", r"\1 greet", makefile.read_text(), count=1, flags=re.M)
        )
        append_to(makefile, "\ngreet: setup ## greet the team\n\t@./greet.sh\n")
        script = self.path / "greet.sh"
        script.write_text("#!/bin/sh\necho Moin\n")
        script.chmod(0o755)
        (self.path / "data").mkdir()
        (self.path / "data" / ".gitkeep").touch()
        (self.path / ".gitattributes").unlink()
        self.commit("What the team changed")

    def with_migration(self) -> None:
        """Add a migration to a project with a SQL database, and commit it."""
        (self.path / "migrations" / "versions" / "0002_index_names.py").write_text(MIGRATION)
        self.commit("The team's migration")


GREETINGS = '''"""Greetings, which no template knows of."""

from flask import Blueprint


def blueprint(greeting: str) -> Blueprint:
    """The route, and what it says first."""
    made = Blueprint("greetings", __name__)

    @made.get("/greetings/<name>")
    def greet(name: str) -> str:
        return f"{greeting}, {name}!\\n"

    return made
'''

TEST_GREETINGS = '''"""The team's own route."""

from collections.abc import Callable

from flask import Flask


def test_the_team_is_greeted(make_app: Callable[..., Flask]) -> None:
    client = make_app(GREETING="Moin").test_client()
    assert client.get("/greetings/Ada").text == "Moin, Ada!\\n"
'''

MIGRATION = '''"""Find customers by their last names.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index("ix_customers_last_name", "customers", ["last_name"])


def downgrade() -> None:
    """Drop the index."""
    op.drop_index("ix_customers_last_name", "customers")
'''


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who follows a page in a terminal, and types what stands in its blocks.

    For the template's address, a clone of the template in a folder of the reader's own is used, and
    `uvx` runs what is installed here instead of downloading it. Every question is answered with
    Enter.
    """

    page: Path
    folder: Path
    workshop: Workshop

    @classmethod
    def of(cls, page: str, folder: Path, workshop: Workshop, **tags: str) -> "Reader":
        """Prepare a folder.

        Args:
            page: The page, from the template's folder.
            folder: Where the reader works.
            workshop: Where the template is from.
            tags: What the releases on the page are in the clone, as in `v0_1_0="main"`.
        """
        reader = cls(TEMPLATE / page, folder, workshop)
        folder.mkdir(exist_ok=True)
        (folder / "git").mkdir()
        workshop.git("clone", "--quiet", ".", str(reader.template))
        for name, commit in tags.items():
            tag = name.replace("_", ".")
            reader.git("tag", "--force", tag, f"origin/{commit}")
        (folder / "cookiecutter.yaml").write_text(
            f"cookiecutters_dir: {folder / 'cookiecutters'}\nreplay_dir: {folder / 'replay'}\n"
        )
        (folder / "bin").mkdir()
        uvx = folder / "bin" / "uvx"
        uvx.write_text(f'#!/bin/sh\nexec {Path(tool("python")).parent}/"$@"\n')
        uvx.chmod(0o755)
        return reader

    @property
    def template(self) -> Path:
        """The clone. Cookiecutter takes its address for git's as "git" stands in it."""
        return self.folder / "git" / "cookiecutter-flask-store"

    def git(self, *arguments: str) -> str:
        """Run a git command in the clone."""
        return git(self.template, *arguments, environ=self.workshop.environ)

    def blocks(self, section: str) -> list[str]:
        """The console blocks of a section of the page, the section's own parts included."""
        text = self.page.read_text(encoding="utf-8")
        found = re.search(rf"^(#+) {re.escape(section)}$", text, re.MULTILINE)
        assert found, f"{self.page.name} has no section {section!r}"
        rest = text[found.end() :]
        following = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
        blocks = re.findall(
            r"^```console\n(.*?)^```$",
            rest[: following.start()] if following else rest,
            re.MULTILINE | re.DOTALL,
        )
        assert blocks, f"{section!r} has no block"
        return blocks

    def run(self, folder: Path, *blocks: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Type blocks into one terminal, which ends at the first command that fails."""
        commands = "".join(blocks).replace(ADDRESS, f"file://{self.template}")
        return subprocess.run(
            ["env", *unset_git(), "sh", "-e", "-c", commands],
            cwd=folder,
            env=clean_environ(
                {
                    **self.workshop.environ,
                    "COOKIECUTTER_CONFIG": str(self.folder / "cookiecutter.yaml"),
                    "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                    **environ,
                }
            ),
            input="\n" * 50,
            capture_output=True,
            text=True,
            check=False,
        )

    def follow(self, folder: Path, *blocks: str, **environ: str) -> str:
        """Type blocks that must succeed into one terminal; what they printed."""
        done = self.run(folder, *blocks, **environ)
        output = done.stdout + done.stderr
        assert done.returncode == 0, f"{''.join(blocks)}\n{output}"
        return output


def replace_in(file: Path, old: str, new: str, count: int = -1) -> None:
    """Replace a text that a file must hold."""
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{file} does not hold {old!r}"
    file.write_text(text.replace(old, new, count), encoding="utf-8")


def insert_behind(file: Path, lines: str, new: str) -> None:
    """Insert lines behind others that a file must hold."""
    replace_in(file, lines, lines + new)


def append_to(file: Path, text: str) -> None:
    """Write a text at the end of a file."""
    with file.open("a", encoding="utf-8") as end:
        end.write(text)
