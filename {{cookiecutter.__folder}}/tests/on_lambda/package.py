"""The package, made by Zappa from a copy of the project."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from {{ cookiecutter.package_name }} import __name__ as application

from .runtime import find_python, offer

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Package:
    """The package.

    Attributes:
        archive: The zip file.
        folder: Where it is unpacked.
        python: A Python of the version that it is for.
        handler: What Lambda calls.
        environ: What the function's configuration holds.
    """

    archive: Path
    folder: Path
    python: str
    handler: str
    environ: Mapping[str, str]

    def names(self) -> list[str]:
        """The names of the files in it."""
        with zipfile.ZipFile(self.archive) as archive:
            return archive.namelist()


def make_package(folder: Path) -> Package:
    """Make the package of a copy of the project, for this Python if the runtime's is not here."""
    project = folder / "project"
    shutil.copytree(
        PROJECT, project, ignore=shutil.ignore_patterns(".*", "build", "__pycache__"), symlinks=True
    )
    for beside in (".env", "server.pem", "token", f"{application}/.env.x", f"{application}/x.key"):
        (project / beside).write_text("SECRET=of-nobody\n")
    settings = json.loads((project / "zappa_settings.json").read_text())
    version = settings["dev"]["runtime"].removeprefix("python")
    python = find_python(version)
    if not python:
        python = sys.executable
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        settings["dev"]["runtime"] = f"python{version}"
        (project / "zappa_settings.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [sys.executable, "-m", "deploy", "package", "dev"],
        cwd=project,
        env={**os.environ, "PATH": os.pathsep.join([str(Path(python).parent), os.environ["PATH"]])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    archive = project / "build" / "lambda" / "dev.zip"
    unpacked = folder / "task"
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(unpacked)
    offer(folder / "offered")
    dev = settings["dev"]
    return Package(
        archive, unpacked, python, dev["lambda_handler"], dev["aws_environment_variables"]
    )
