"""Requests made up from the description of the API, sent to a real server."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from .bake import Bake, run_in, tool
from .servers import Server

pytestmark = pytest.mark.slow

KEY = "0123456789-abcdefghij"
CHECKS = ",".join(
    (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "unsupported_method",
        "ignored_auth",
    )
)


def made_up_requests(server: Server, folder: Path, *options: str) -> tuple[int, str]:
    """Send made-up requests, right ones and wrong ones; the exit status and the report."""
    done = run_in(
        folder,
        tool("schemathesis"),
        "run",
        f"{server.url}/openapi.json",
        f"--checks={CHECKS}",
        "--mode=all",
        "--max-examples=150",
        "--seed=1",
        "--generation-database=none",
        "--no-color",
        *options,
    )
    return done.returncode, done.stdout + done.stderr


# Once without keys, as these are asked for before any storage is.
@pytest.mark.parametrize(
    ("backend", "keys"),
    [("default", ""), ("default", KEY), ("redis", KEY), ("sql", KEY)],
    indirect=["backend"],
)
def test_no_answer_to_made_up_requests_is_other_than_described(
    backend: Bake, storage_environ: dict[str, str], tmp_path: Path, keys: str
) -> None:
    options = ["--header", f"Authorization: Bearer {keys}"] if keys else []
    with backend.serve("serve", **storage_environ, API_KEYS=keys) as server:
        status, report = made_up_requests(server, tmp_path, *options)
    assert status == 0, report
    assert "No issues found" in report


@pytest.mark.parametrize("keys", ["", KEY])
def test_description_is_openapi(
    installed: Callable[[str], Bake], tmp_path: Path, keys: str
) -> None:
    environ = {"DATA_PATH": str(tmp_path / "customers.json"), "API_KEYS": keys}
    with installed("default").serve("serve", **environ) as server:
        described = httpx.get(f"{server.url}/openapi.json", trust_env=False).json()
    assert [error.message for error in OpenAPIV31SpecValidator(described).iter_errors()] == []
