"""The package for Lambda: the application and what it needs at run time, and nothing else."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .settings import FILE, ROOT, DeployError, Stage

BUILD = ROOT / "build" / "lambda"
# Where Lambda unpacks it: what a traceback names.
TASK = "/var/task"
# Bytes, unpacked (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
LARGEST = 250 * 2**20

# The handler needs no more of Zappa than this; what else it imports, the runtime has.
_HANDLER_PACKAGES = ("durationpy", "zappa")
_HANDLER_MODULES = (
    "__init__.py",
    "asgi.py",
    "handler.py",
    "middleware.py",
    "utilities.py",
    "wsgi.py",
)
# What of the application's own folders stays here: it may hold secrets, or is made anew.
_NEVER = (".env*", "*.key", "__pycache__")
# What of a package only its tests, tools and compilers read.
_NEEDLESS = (
    "*.dist-info/RECORD",
    "*.dist-info/sboms",
    "**/*.[ch]",
    "**/*.px[di]",
    "**/*.pyi",
    "**/*.pyx",
    "**/testing",
    "**/tests",
    "bin",
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What Zappa packages.

    Attributes:
        stage: For which stage.
        folder: Where it is.
    """

    stage: Stage
    folder: Path

    @classmethod
    def make(cls, stage: Stage) -> "Prepared":
        """Put it together anew.

        Raises:
            DeployError: That failed, or it is too large for Lambda.
        """
        prepared = cls(stage, BUILD / stage.name)
        shutil.rmtree(prepared.folder, ignore_errors=True)
        prepared.packages.mkdir(parents=True)
        prepared.application.mkdir()
        prepared._copy_application()
        prepared._install()
        prepared._compile()
        size = sum(file.stat().st_size for file in prepared.folder.rglob("*") if file.is_file())
        if size > LARGEST:
            raise DeployError(
                f"the package has {size / 2**20:.0f} MiB unpacked, and Lambda takes "
                f"{LARGEST / 2**20:.0f}: remove dependencies"
            )
        return prepared

    @property
    def application(self) -> Path:
        """The application's folder."""
        return self.folder / "application"

    @property
    def environment(self) -> Path:
        """What Zappa takes for a virtual environment; it looks for its own version of Python."""
        return self.folder / "environment"

    @property
    def packages(self) -> Path:
        """The dependencies' folder."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.environment / "lib" / version / "site-packages"

    def zappa(
        self, command: str, *arguments: str, variables: Mapping[str, str] | None = None
    ) -> None:
        """Let Zappa work with it.

        Args:
            command: Zappa's command.
            arguments: What stands behind the stage.
            variables: Environment variables for the function's configuration. They are written to
                a file that is there only for that time.

        Raises:
            DeployError: Zappa failed, and has said why.
        """
        settings = self.folder / FILE
        settings.touch(mode=0o600)
        try:
            settings.write_text(json.dumps({self.stage.name: self._settings(variables or {})}))
            done = subprocess.run(  # noqa: S603, no untrusted input
                [
                    Path(sys.executable).with_name("zappa"),
                    command,
                    self.stage.name,
                    "--settings_file",
                    settings,
                    *arguments,
                ],
                cwd=self.application,
                env={**os.environ, "VIRTUAL_ENV": str(self.environment)},
                check=False,
            )
        finally:
            settings.unlink()
        if done.returncode != 0:
            raise DeployError(f"zappa {command} {self.stage.name} failed, as it says above")

    def _settings(self, variables: Mapping[str, str]) -> dict[str, Any]:
        values = dict(self.stage.values)
        values.pop("prebuild_script", None)  # it refuses to package another folder than this
        if "attach_policy" in values:
            values["attach_policy"] = str(ROOT / values["attach_policy"])
        if variables:
            values["aws_environment_variables"] = {
                **values.get("aws_environment_variables", {}),
                **variables,
            }
        return values

    def _copy_application(self) -> None:
        for name in self.stage.values["application"]:
            source = ROOT / name
            if source.is_dir():
                ignored = shutil.ignore_patterns(*_NEVER)
                shutil.copytree(source, self.application / name, ignore=ignored)
            elif source.exists():
                shutil.copy(source, self.application)
            else:
                raise DeployError(f"{FILE}: application names {name}, which is not there")

    def _install(self) -> None:
        """Install what the lock says, as built for the runtime."""
        runtime = _uv("export", "--no-dev", "--no-emit-project", "--no-hashes", "--no-header")
        tools = _uv("export", "--only-group", "deploy", "--no-hashes", "--no-header")
        handler = [
            line for line in tools.splitlines() if line.partition("==")[0] in _HANDLER_PACKAGES
        ]
        self._install_from(runtime)
        self._install_from("\n".join(handler), "--no-deps")
        zappa = self.packages / "zappa"
        for path in zappa.iterdir():
            if path.name not in _HANDLER_MODULES:
                _delete(path)
        for pattern in _NEEDLESS:
            for path in list(self.packages.glob(pattern)):
                _delete(path)

    def _install_from(self, requirements: str, *options: str) -> None:
        file = self.folder / "requirements.txt"
        file.write_text(requirements)
        _uv(
            "pip",
            "install",
            *options,
            f"--requirements={file}",
            f"--target={self.packages}",
            f"--python-version={self.stage.python}",
            f"--python-platform={self.stage.platform}",
            "--only-binary=:all:",
        )
        file.unlink()

    def _compile(self) -> None:
        """Compile to bytecode that is used whatever date the files get (PEP 552, unchecked)."""
        try:
            python = _uv("python", "find", "--no-project", self.stage.python).strip()
        except DeployError:
            version = self.stage.python
            print(
                f"no Python {version} here: the package gets no bytecode, and starts more slowly; "
                f"`uv python install {version}` mends that",
                file=sys.stderr,
            )
            return
        for folder in (self.application, self.packages):
            subprocess.run(  # noqa: S603, no untrusted input
                [
                    python,
                    "-m",
                    "compileall",
                    "-q",
                    "-f",
                    "-s",
                    str(folder),
                    "-p",
                    TASK,
                    "--invalidation-mode",
                    "unchecked-hash",
                    str(folder),
                ],
                check=False,  # a package may hold a file for another Python
                stdout=subprocess.DEVNULL,
            )


def _uv(*arguments: str) -> str:
    """Run uv; what it prints."""
    program = os.environ.get("UV") or shutil.which("uv")  # `uv run` sets the variable
    if not program:
        raise DeployError("uv is missing: use make, or `uv run python -m deploy`")
    done = subprocess.run(  # noqa: S603, no untrusted input
        [program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        problem = done.stderr.strip() or "it failed"
        raise DeployError(f"uv {arguments[0]}: {problem.splitlines()[-1].strip()}")
    return done.stdout


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
