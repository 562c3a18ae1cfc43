"""A cold start on AWS Lambda: of each rendered package, and of a bare Flask app packaged by Zappa.

From the start of the process to its first answer, in the interpreter of the runtime's version, with
only what Lambda offers. Prints what it measured as Markdown.
"""

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.aws import path_to_python, python_of
from tests.bake import Bake, clean_environ, render_and_install, tool
from tests.databases import databases_of

RUNTIME = "python3.13"
ROUNDS = 11
BACKENDS = ("json", "redis", "sql")
NAIVE = """
from flask import Flask
app = Flask(__name__)
@app.get("/healthz")
def healthz():
    return {"status": "ok"}
"""
EVENT = {
    "event": {
        "httpMethod": "GET",
        "path": "/healthz",
        "headers": {"Host": "localhost"},
        "requestContext": {},
        "body": None,
    },
    "milliseconds": 25_000,
}


class Package(NamedTuple):
    """A package that is unpacked, and what its function is configured with."""

    archive: Path
    folder: Path
    handler: str
    environ: Mapping[str, str]


def unpacked(archive: Path, handler: str, environ: Mapping[str, str]) -> Package:
    """Unpack a package beside it."""
    folder = archive.with_suffix("")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    return Package(archive, folder, handler, environ)


def package_ours(bake: Bake, environ: Mapping[str, str]) -> Package:
    """Package a rendered project as its README says."""
    bake.make("package", STAGE="dev", **path_to_python(bake))
    settings = json.loads(bake.read("zappa_settings.json"))
    dev = settings["dev"]
    variables = {**dev["aws_environment_variables"], **environ}
    shutil.rmtree(bake.path / "build" / "lambda" / "dev")
    return unpacked(bake.path / "build" / "lambda" / "dev.zip", dev["lambda_handler"], variables)


def package_naive(python: str, folder: Path) -> Package:
    """Package a bare Flask app with Zappa's own defaults."""
    folder.mkdir()
    (folder / "app.py").write_text(NAIVE)
    settings = {"dev": {"app_function": "app.app", "runtime": RUNTIME, "s3_bucket": "nobodys"}}
    (folder / "zappa_settings.json").write_text(json.dumps(settings))
    for command in (
        [tool("uv"), "venv", "--quiet", "--python", python, ".venv"],
        [tool("uv"), "pip", "install", "--quiet", "--python", ".venv", "flask", "zappa", "pip"],
        [".venv/bin/zappa", "package", "dev", "--output", "naive.zip"],
    ):
        environ = clean_environ({"VIRTUAL_ENV": str(folder / ".venv")})
        subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True)
    return unpacked(folder / "naive.zip", "handler.lambda_handler", {})


def cold_start(python: str, runtime: str, offered: Path, package: Package) -> float:
    """Seconds from the start of a process to its first answer."""
    began = time.perf_counter()
    # -B: Lambda's folder is read-only.
    done = subprocess.run(
        [python, "-I", "-S", "-B", "-c", runtime, package.folder, offered, package.handler],
        cwd=package.folder,
        env={"AWS_LAMBDA_FUNCTION_NAME": "function", "PATH": "", **package.environ},
        input=json.dumps(EVENT) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - began
    if json.loads(done.stdout)["result"]["statusCode"] != 200:
        raise RuntimeError(done.stdout)
    return seconds


@contextmanager
def packages(folder: Path) -> Iterator[tuple[dict[str, Package], Bake]]:
    """All packages, with real storages."""
    bakes = {
        backend: render_and_install(backend, folder / backend, "use_zappa=yes")
        for backend in BACKENDS
    }
    python = python_of(bakes["json"], RUNTIME)
    with (
        bakes["redis"].cluster() as redis,
        databases_of(bakes["sql"], "postgresql", folder) as databases,
        tempfile.TemporaryDirectory(dir="/dev/shm") as mounted,
    ):
        environs = {
            "json": {"DATA_PATH": f"{mounted}/customers.json"},
            "redis": redis,
            "sql": {"DATABASE_URL": databases.create("customers")},
        }
        ours = {name: package_ours(bake, environs[name]) for name, bake in bakes.items()}
        yield (
            {"bare Flask, by Zappa": package_naive(python, folder / "naive"), **ours},
            bakes["json"],
        )


def main() -> None:
    """Measure all of them by turns."""
    with tempfile.TemporaryDirectory() as name, packages(Path(name)) as (found, bake):
        python = python_of(bake, RUNTIME)
        offered = Path(name) / "offered"
        ask = "from tests.on_lambda.runtime import *; offer(Path(sys.argv[1])); print(RUNTIME)"
        runtime = bake.run(bake.python, "-c", ask, str(offered)).stdout
        # What Lambda offers is compiled there.
        environ = {**os.environ, "PYTHONPATH": str(offered)}
        subprocess.run([python, "-S", "-c", "import boto3"], env=environ, check=True)
        times: dict[str, list[float]] = {kind: [] for kind in found}
        for _ in range(ROUNDS):
            for kind, package in found.items():
                times[kind].append(cold_start(python, runtime, offered, package))
        naive = statistics.median(times["bare Flask, by Zappa"])
        print(f"| {RUNTIME} | zip | cold start | spread | ratio |\n|---|---|---|---|---|")
        for kind, package in found.items():
            median = statistics.median(times[kind])
            print(
                f"| {kind} | {package.archive.stat().st_size / 1e6:.1f} MB | {median:.2f} s "
                f"| {min(times[kind]):.2f} to {max(times[kind]):.2f} s | {median / naive:.2f} |"
            )


if __name__ == "__main__":
    main()
