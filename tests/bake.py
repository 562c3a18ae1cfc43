"""A rendered project as an object with verbs."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .servers import Server, serve

TEMPLATE = Path(__file__).parents[1]
MADE_BY_TOOLS = frozenset(
    (
        ".coverage",
        ".hypothesis",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".uv",
        ".venv",
        "__pycache__",
        "uv.lock",
    )
)
DATA_READERS: Mapping[str, Callable[[str], Any]] = {
    ".toml": tomllib.loads,
    ".json": json.loads,
    ".yml": yaml.safe_load,
    ".yaml": yaml.safe_load,
}


def clean_environ(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a user's terminal: without what this test run added to it."""
    ours = (
        "MAKEFLAGS",
        "MAKELEVEL",
        "MFLAGS",
        "PYTHONDONTWRITEBYTECODE",  # each start would compile everything again
        "PYTHONPATH",
        "VIRTUAL_ENV",
    )
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith(("PYTEST_", "COOKIECUTTER_"))
    }
    return {**inherited, **(extra or {})}


def run_in(
    folder: Path, *command: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, as a user would in a terminal."""
    return subprocess.run(
        command,
        cwd=folder,
        env=clean_environ(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def as_passed(answers: Mapping[str, str]) -> dict[str, str]:
    """Answers as a program passes them: they are rendered as templates, as no typing is."""
    return {name: text.replace("{{", "{{ '{{' }}") for name, text in answers.items()}


def make_targets(folder: Path) -> set[str]:
    """The targets of a folder's Makefile."""
    makefile = (folder / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


@dataclass(frozen=True, slots=True)
class Bake:
    """A rendered project."""

    name: str
    path: Path
    answers: Mapping[str, str]

    @property
    def package(self) -> str:
        """The project's import name."""
        return self.answers["package_name"]

    def files(self) -> list[str]:
        """Every file of the project but those that tools made, as sorted relative paths."""
        found = []
        for folder, folders, names in os.walk(self.path):
            folders[:] = [name for name in folders if name not in MADE_BY_TOOLS]
            found += [
                Path(folder, name).relative_to(self.path).as_posix()
                for name in names
                if name not in MADE_BY_TOOLS
            ]
        return sorted(found)

    def read(self, file: str) -> str:
        """The text of a file."""
        return (self.path / file).read_text(encoding="utf-8")

    def data(self) -> dict[str, Any]:
        """Every TOML, JSON and YAML file, parsed."""
        return {
            file: DATA_READERS[Path(file).suffix](self.read(file))
            for file in self.files()
            if Path(file).suffix in DATA_READERS
        }

    def hook(self, name: str, folder: Path) -> Path:
        """A hook of the template as Cookiecutter runs it for these answers, in a folder."""
        source = (TEMPLATE / "hooks" / f"{name}.py").read_text(encoding="utf-8")
        script = folder / f"{name}.py"
        source = source.replace("{{ cookiecutter | tojson }}", json.dumps(self.answers))
        script.write_text(source.replace("{{ cookiecutter.package_name }}", self.package))
        return script

    def stated_answers(self) -> dict[str, str]:
        """What the project's files say that was answered."""
        project = tomllib.loads(self.read("pyproject.toml"))["project"]
        (author,) = project["authors"]
        return {
            "project_name": self.read("README.md").partition("\n")[0].removeprefix("# "),
            "project_slug": project["name"],
            "description": project["description"],
            "author_name": author["name"],
            "author_email": author["email"],
        }

    def copy_to(self, folder: Path, *, share_environment: bool = False) -> "Bake":
        """A fresh copy of the project, without what tools made, but perhaps its environment."""
        target = folder / self.path.name
        shutil.copytree(self.path, target, ignore=shutil.ignore_patterns(*MADE_BY_TOOLS))
        if share_environment:
            (target / ".venv").symlink_to(self.path / ".venv")
        return Bake(self.name, target, self.answers)

    def run(
        self, *command: str, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the project, as its team would in a terminal."""
        return run_in(self.path, *command, environ=environ)

    def make(self, target: str, **environ: str) -> str:
        """Run a target of the project's Makefile that must succeed; what it printed."""
        done = self.run("make", target, environ=environ)
        assert done.returncode == 0, f"make {target}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def flask(self, *arguments: str, environ: Mapping[str, str] | None = None) -> str:
        """Run a command of the service's own that must succeed; what it printed."""
        done = self.run(".venv/bin/flask", *arguments, environ=environ)
        assert done.returncode == 0, f"flask {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @property
    def python(self) -> str:
        """The Python of the project's own environment."""
        return str(self.path / ".venv" / "bin" / "python")

    @contextmanager
    def serve(self, target: str, **environ: str) -> Iterator[Server]:
        """Start a server by a target of the project's Makefile: run or serve."""
        with serve(["make", target], self.path, clean_environ(environ)) as server:
            yield server

    @contextmanager
    def cluster(self) -> Iterator[dict[str, str]]:
        """Start the cluster that the project brings for development; the variables to find it."""
        process = subprocess.Popen(
            [self.python, "-m", "dev"],
            cwd=self.path,
            env=clean_environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout
        with process.stdout as output:
            try:
                lines = [
                    output.readline().split() for _ in ("REDIS_SENTINELS", "REDIS_MASTER_NAME")
                ]
                yield dict(assignment.split("=", 1) for _, assignment in lines)
            finally:
                process.terminate()
                process.wait(timeout=20)


def render_and_install(backend: str, folder: Path, *others: str) -> Bake:
    """Render a project into a new folder, and install what it needs.

    Args:
        backend: Its storage.
        folder: Where it goes; it is made.
        others: Other answers, as in `use_zappa=yes`.
    """
    answers = ["--no-input", "-o", str(folder), f"storage_backend={backend}", *others]
    subprocess.run(
        [sys.executable, "-m", "cookiecutter", str(TEMPLATE), *answers],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (project,) = folder.iterdir()
    bake = Bake(backend, project, {"package_name": "customer_api"})
    bake.make("setup")
    return bake


def tool(name: str) -> str:
    """The path of a command that stands beside this Python."""
    return str(Path(sys.executable).parent / name)
