"""The package, made by Zappa and run as AWS Lambda runs it; only AWS itself is missing."""

import base64
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from {{ cookiecutter.package_name }} import __name__ as application

PROJECT = Path(__file__).parents[2]
REQUEST_ID = "11111111-2222-3333-4444-555555555555"
# What the runtime has besides Python
# (https://docs.aws.amazon.com/lambda/latest/dg/python-package.html).
OFFERED = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3")

# Reads an event a line, and answers each with a line; what the function prints is its log.
RUNTIME = """
import importlib, json, os, sys
folder, offered, name = sys.argv[1:]
sys.path.insert(0, folder)
sys.path.append(offered)
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

class Context:
    aws_request_id = "11111111-2222-3333-4444-555555555555"
    def __init__(self, milliseconds):
        self.milliseconds = milliseconds
    def get_remaining_time_in_millis(self):
        return self.milliseconds

module, _, function = name.rpartition(".")
handler = getattr(importlib.import_module(module), function)
for line in sys.stdin:
    told = json.loads(line)
    try:
        answer = {"result": handler(told["event"], Context(told["milliseconds"]))}
    except Exception as error:
        answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
    print(json.dumps(answer), file=answers, flush=True)
"""


class Answer(NamedTuple):
    """What a client gets from the gateway."""

    status: int
    body: bytes
    headers: Mapping[str, str]


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


class Function:
    """A running instance of the function."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log

    def invoke(self, event: Mapping[str, Any], milliseconds: int = 25_000) -> dict[str, Any]:
        """Send an event; what the function returns or raises.

        Args:
            event: The event.
            milliseconds: How much time the invocation has.
        """
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"event": event, "milliseconds": milliseconds}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, self.log()
        found: dict[str, Any] = json.loads(answer)
        return found

    def request(
        self,
        kind: str,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "application/json",
        milliseconds: int = 25_000,
    ) -> Answer:
        """Send a request by an event of a kind of gateway; what its client gets."""
        event = EVENTS[kind](method, path, body, content_type)
        result = self.invoke(event, milliseconds)["result"]
        text = result.get("body") or ""
        found = base64.b64decode(text) if result.get("isBase64Encoded") else text.encode()
        headers = {name.lower(): value for name, value in result["headers"].items()}
        return Answer(result["statusCode"], found, headers)

    def log(self) -> str:
        """What the function has logged."""
        return self._log.read_text()


def _event_of_rest_api(
    method: str, path: str, body: bytes | None, content_type: str
) -> dict[str, Any]:
    parts = urlsplit(path)
    query = parse_qsl(parts.query, keep_blank_values=True)
    headers = {"Host": "abc.execute-api.eu-central-1.amazonaws.com"}
    if body is not None:
        headers["Content-Type"] = content_type
    return {
        "httpMethod": method,
        "path": parts.path,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query} or None,
        "requestContext": {"stage": "dev", "identity": {"sourceIp": "192.0.2.1"}},
        **_body(body),
    }


def _event_of_http_api(
    method: str, path: str, body: bytes | None, content_type: str, stage: str = "dev"
) -> dict[str, Any]:
    parts = urlsplit(path)
    headers = {"host": "abc.execute-api.eu-central-1.amazonaws.com"}
    if body is not None:
        headers["content-type"] = content_type
    return {
        "version": "2.0",
        "rawPath": f"/{stage}{parts.path}" if stage else parts.path,
        "rawQueryString": parts.query,
        "headers": headers,
        "requestContext": {
            "stage": stage or "$default",
            "http": {"method": method, "path": parts.path, "sourceIp": "192.0.2.1"},
        },
        **_body(body),
    }


def _event_of_function_url(
    method: str, path: str, body: bytes | None, content_type: str
) -> dict[str, Any]:
    return _event_of_http_api(method, path, body, content_type, stage="")


def _body(body: bytes | None) -> dict[str, Any]:
    if body is None:
        return {"body": None, "isBase64Encoded": False}
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


EVENTS = {
    "REST API": _event_of_rest_api,
    "HTTP API": _event_of_http_api,
    "function URL": _event_of_function_url,
}


def find_python(version: str) -> str | None:
    """A Python of a version, if there is one on the PATH or among those that pyenv installed."""
    command = f"python{version}"
    installed = Path.home().glob(f".pyenv/versions/{version}.*/bin/{command}")
    for candidate in (shutil.which(command), *map(str, installed)):
        # A shim of pyenv fails if its version is not chosen.
        if candidate and subprocess.run([candidate, "-V"], capture_output=True).returncode == 0:
            return candidate
    return None


def offer(folder: Path) -> None:
    """Fill a folder with what the runtime offers besides Python."""
    folder.mkdir()
    for name in OFFERED:
        (installed,) = (Path(path) / name for path in sys.path if (Path(path) / name).exists())
        (folder / name).symlink_to(installed)


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


@contextmanager
def running(package: Package, environ: Mapping[str, str], log: Path) -> Iterator[Function]:
    """Start an instance of the function with an environment."""
    with (
        log.open("w") as written,
        subprocess.Popen(
            [
                package.python,
                "-I",
                "-S",
                "-c",
                RUNTIME,
                package.folder,
                package.folder.with_name("offered"),
                package.handler,
            ],
            cwd=package.folder,
            env={"AWS_LAMBDA_FUNCTION_NAME": "function", "PATH": "", **package.environ, **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=written,
            text=True,
        ) as process,
    ):
        try:
            yield Function(process, log)
        finally:
            assert process.stdin
            with suppress(BrokenPipeError):  # it has ended
                process.stdin.close()
