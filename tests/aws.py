"""AWS on this machine: moto's server, in which functions really run."""

import base64
import json
import logging
import os
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import httpx
import pytest
from moto.awslambda import urls
from moto.awslambda.models import LambdaBackend, LambdaFunction, LambdaStorage
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.server import ThreadedMotoServer

from .bake import Bake

REGION = "eu-central-1"
BUCKET = "uploads-of-nobody"
_FUNCTION_URLS = r"{0}/(?P<api_version>[^/]+)/functions/(?P<function_name>[\w_:%-]+)/urls/?$"


class Aws:
    """What a project is deployed to.

    Attributes:
        environ: The variables with which Zappa finds it.
    """

    def __init__(self, url: str) -> None:
        self.environ = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str) -> Any:
        """A client of a service."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.environ["AWS_ENDPOINT_URL"],
            aws_access_key_id="nobody",
            aws_secret_access_key="nothing",  # noqa: S106, none
        )

    def functions(self) -> list[str]:
        """The names of the functions that there are."""
        return [one["FunctionName"] for one in self.client("lambda").list_functions()["Functions"]]

    def request(
        self, function: str, method: str, path: str, body: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Send a request to a function, as API Gateway does; its status and body."""
        event = {
            "httpMethod": method,
            "path": path,
            "headers": {"Host": "localhost", "Content-Type": "application/json"},
            "requestContext": {},
            "body": json.dumps(body) if body is not None else None,
        }
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        result = json.load(answer["Payload"])
        assert "FunctionError" not in answer, result
        text = result.get("body", "")
        if result.get("isBase64Encoded"):
            text = base64.b64decode(text).decode()
        assert "statusCode" in result, result
        return result["statusCode"], text


@contextmanager
def aws(bake: Bake, folder: Path) -> Iterator[Aws]:
    """Start it; functions are run in the environment that a project's own tests run them in.

    Args:
        bake: A project whose environment has what Lambda offers to functions.
        folder: Where packages are unpacked.
    """
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    with pytest.MonkeyPatch.context() as patch, downloads() as download_url:
        patch.setitem(urls.url_paths, _FUNCTION_URLS, _no_function_urls)
        patch.setattr(LambdaSimpleBackend, "invoke", LambdaBackend.invoke)
        patch.setattr(LambdaFunction, "_invoke_lambda", _run_in(bake, folder))
        patch.setattr(LambdaFunction, "get_code", _told_with(download_url))
        patch.setattr(LambdaStorage, "get_function_by_name_with_qualifier", _by_partial_arn())
        server.start()
        try:
            host, port = server.get_host_and_port()
            url = f"http://{host}:{port}"
            config = {"lambda": {"use_docker": False}}
            httpx.post(f"{url}/moto-api/config", json=config, trust_env=False).raise_for_status()
            yield Aws(url)
            httpx.post(f"{url}/moto-api/reset", trust_env=False).raise_for_status()
        finally:
            server.stop()


# What moto does not do: it only echoes an event, has no packages to download, does not list the
# URLs of functions, and takes the `function:` of a partial ARN for a name.


def _no_function_urls(*_: object) -> tuple[int, dict[str, str], str]:
    return 200, {}, json.dumps({"FunctionUrlConfigs": []})


def _run_in(bake: Bake, folder: Path) -> Any:
    def run(self: Any, event: Any = None) -> tuple[str, bool, str]:
        task = _unpacked(bake, folder, self)
        code = "from tests.on_lambda.runtime import *; print(RUNTIME)"
        runtime = bake.run(bake.python, "-c", code).stdout
        python = python_of(bake, self.run_time)
        done = subprocess.run(
            [python, "-I", "-S", "-c", runtime, task, folder / "offered", self.handler],
            cwd=task,
            env={
                "AWS_LAMBDA_FUNCTION_NAME": self.function_name,
                "PATH": "",
                **self.environment_vars,
            },
            input=json.dumps({"event": event, "milliseconds": self.timeout * 1000}) + "\n",
            capture_output=True,
            text=True,
            check=False,
        )
        if not done.stdout:
            lines = done.stderr.strip().splitlines()
            answer = {"errorType": "Runtime.ExitError", "errorMessage": lines[-1] if lines else ""}
        else:
            answer = json.loads(done.stdout)
        if "result" in answer:
            return json.dumps(answer["result"]), False, done.stderr
        # As Lambda's runtime for Python logs what a function raises.
        line = f"[ERROR] {answer['errorType']}: {answer['errorMessage']}"
        return json.dumps(answer), True, f"{done.stderr}{line}\n"

    return run


def _unpacked(bake: Bake, folder: Path, function: Any) -> Path:
    """Where a function's package is unpacked, beside what Lambda offers to it."""
    task: Path = folder / function.code_sha_256.replace("/", "_")
    if not task.exists():
        with zipfile.ZipFile(BytesIO(function.code_bytes)) as archive:
            archive.extractall(task)
        offered = folder / "offered"
        if not offered.exists():
            code = "from tests.on_lambda.runtime import *; offer(Path(sys.argv[1]))"
            done = bake.run(bake.python, "-c", code, str(offered))
            assert done.returncode == 0, done.stderr
    return task


_packages: dict[str, bytes] = {}


def _told_with(url: str) -> Any:
    tell = LambdaFunction.get_code

    def get_code(self: Any) -> dict[str, Any]:
        name = self.code_sha_256.replace("/", "_")
        _packages[name] = self.code_bytes
        return {**tell(self), "Code": {"Location": f"{url}/{name}", "RepositoryType": "S3"}}

    return get_code


def _by_partial_arn() -> Any:
    find = LambdaStorage.get_function_by_name_with_qualifier

    def get_function(self: Any, name: str, qualifier: str | None = None) -> Any:
        return find(self, name.removeprefix("function:"), qualifier)

    return get_function


class _Download(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = _packages[self.path.removeprefix("/")]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def downloads() -> Iterator[str]:
    """Serve the packages of functions; at which address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Download) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def python_of(bake: Bake, runtime: str) -> str:
    """A Python of a runtime's version, or else the project's own."""
    code = "from tests.on_lambda.runtime import *; print(find_python(sys.argv[1]) or '')"
    found = bake.run(bake.python, "-c", code, runtime.removeprefix("python")).stdout.strip()
    return found or bake.python


def path_to_python(bake: Bake) -> dict[str, str]:
    """A PATH on which the Python of the project's runtime is, if it is anywhere."""
    settings = json.loads(bake.read("zappa_settings.json"))
    folder = os.path.dirname(python_of(bake, settings["dev"]["runtime"]))
    return {"PATH": os.pathsep.join([folder, os.environ["PATH"]])}


def deployable(bake: Bake, folder: Path) -> Bake:
    """A copy of a project whose settings are filled in, for a Python that is here."""
    project = bake.copy_to(folder, share_environment=True)
    shutil.copy(bake.path / "uv.lock", project.path)
    file = project.path / "zappa_settings.json"
    settings = json.loads(file.read_text())
    settings["dev"].update(
        aws_region=REGION,
        s3_bucket=BUCKET,
        vpc_config={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
    )
    for mounted in settings["dev"].get("efs_config", []):
        mounted["Arn"] = f"arn:aws:elasticfilesystem:{REGION}:123456789012:access-point/fsap-1"
    if python_of(bake, settings["dev"]["runtime"]) == bake.python:
        settings["dev"]["runtime"] = os.path.basename(os.path.realpath(bake.python))
    file.write_text(json.dumps(settings))
    return project
