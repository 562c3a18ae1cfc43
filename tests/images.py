"""What a Dockerfile says, done without a container engine, in a folder that stands for the root."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .bake import Bake, clean_environ, tool
from .servers import free_port

# Files are written by their permissions only, also where the tests run as root, as with cap_drop.
POWERLESS = ("setpriv", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all")
START_SECONDS = 60
GRACE_SECONDS = 20  # compose.yaml's stop_grace_period


def instructions(text: str) -> list[tuple[str, str]]:
    """Each instruction of a Dockerfile, with its arguments in one line."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.split("\n"))]


@dataclass
class Image:
    """What was built by a project's Dockerfile.

    Attributes:
        root: The folder in which the container's absolute paths are.
        environ: The variables that the last stage sets.
        settings: The arguments of the last stage's other instructions.
    """

    root: Path
    environ: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    _folder: str = "/"

    @classmethod
    def build(cls, project: Bake, root: Path) -> "Image":
        """Do what the Dockerfile says."""
        image = cls(root)
        for name, rest in instructions(project.read("Dockerfile")):
            match name:
                case "FROM":
                    image.environ, image._folder = {"PATH": os.environ["PATH"]}, "/"
                case "ENV":
                    for word in shlex.split(rest):
                        key, _, value = word.partition("=")
                        old = image.environ.get(key, "")
                        image.environ[key] = image.here(value).replace(f"${key}", old)
                case "WORKDIR":
                    image._folder = rest
                    image.path(rest).mkdir(exist_ok=True)
                case "COPY" if not rest.startswith("--from="):
                    image._copy(project, *rest.split())
                case "RUN":
                    image._run(rest)
                case _:
                    image.settings[name] = rest
        for path in (image.path("/app"), *image.path("/app").rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~0o222)
        return image

    def path(self, path: str) -> Path:
        """Where a path of the container is on this machine."""
        return self.root / Path("/", self._folder, path).relative_to("/")

    def here(self, text: str) -> str:
        """A text of the Dockerfile, with the folders that stand for those of the container."""
        return re.sub(r"(?<![\w.])/(app|data)\b", rf"{self.root}/\1", text)

    def _copy(self, project: Bake, *paths: str) -> None:
        *sources, target = paths
        ignore = project.read(".dockerignore").splitlines()
        needless = [line.removeprefix("**/") for line in ignore if line.startswith("**/")]
        for source in sources:
            assert f"!{source}" in ignore, source
            if (project.path / source).is_dir():
                shutil.copytree(
                    project.path / source,
                    self.path(target),
                    ignore=shutil.ignore_patterns(*needless),
                )
            else:
                shutil.copy(project.path / source, self.path(target))

    def _run(self, command: str) -> None:
        script = re.sub(r"--(mount|owner|group)=\S+ ", "", self.here(command))
        # The cache that is mounted is this machine's own.
        own = {key: value for key, value in self.environ.items() if key != "UV_CACHE_DIR"}
        environ = clean_environ({**own, "UV_PYTHON": tool("python")})
        done = subprocess.run(
            ["/bin/sh", "-ec", script],
            cwd=self.path("."),
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def command(self, name: str = "CMD") -> list[str]:
        """The command of an instruction, as a list of words."""
        words: list[str] = json.loads("[" + self.settings[name].partition("[")[2])
        return words

    def run(self, command: Sequence[str], **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a container that ends with it."""
        return subprocess.run(
            self._contained(command),
            cwd=self.path("/app"),
            env=self._variables(variables),
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )

    @contextmanager
    def start(self, **variables: str) -> Iterator["Container"]:
        """Start the container's own command, and wait until it is healthy."""
        variables = {"HOST": "127.0.0.1", "PORT": str(free_port()), **variables}
        with tempfile.TemporaryFile("w+") as log:
            process = subprocess.Popen(
                self._contained(self.command()),
                cwd=self.path("/app"),
                env=self._variables(variables),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            container = Container(self, process, variables)
            try:
                give_up_at = time.monotonic() + START_SECONDS
                while not container.is_healthy():
                    log.seek(0)
                    assert process.poll() is None, log.read()
                    assert time.monotonic() < give_up_at, log.read()
                    time.sleep(0.1)
                yield container
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()

    def _variables(self, variables: Mapping[str, str]) -> dict[str, str]:
        return {"HOME": "/nonexistent", **self.environ, **variables}

    def _contained(self, command: Sequence[str]) -> list[str]:
        return [*(POWERLESS if os.geteuid() == 0 else ()), *command]

    def written(self) -> dict[str, int]:
        """When each file of the application was written last."""
        return {str(path): path.lstat().st_mtime_ns for path in self.path("/app").rglob("*")}


@dataclass(frozen=True, slots=True)
class Container:
    """A process that runs as a container of an image would."""

    image: Image
    process: subprocess.Popen[bytes]
    variables: Mapping[str, str]

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.variables['PORT']}"

    def is_healthy(self) -> bool:
        """Whether the image's own check of its health succeeds."""
        check = self.image.command("HEALTHCHECK")
        return self.image.run(check, **self.variables).returncode == 0

    def stop(self) -> int:
        """Stop it as `docker stop` does; its exit status."""
        self.process.send_signal(signal.Signals[self.image.settings["STOPSIGNAL"]])
        return self.process.wait(timeout=GRACE_SECONDS)
