"""The file on AWS Lambda: on a mounted file system, or the service does not start."""

from pathlib import Path

import pytest

from {{ cookiecutter.package_name }}.config import ConfigError
from {{ cookiecutter.package_name }}.storage.file_on_lambda import check_path

MOUNTS = {"/", "/tmp", "/var/task", "/mnt/efs"}


def check(path: str) -> None:
    variables = {"AWS_LAMBDA_FUNCTION_NAME": "function", "DATA_PATH": path}
    check_path(variables, lambda folder: str(folder) in MOUNTS)


@pytest.mark.parametrize(
    "path",
    ["", "customers.json", "/tmp/c.json", "/var/task/c.json", "/c.json"],
)
def test_file_that_lambda_does_not_keep_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match=r"^DATA_PATH must be a path on a mounted file system"):
        check(path)


@pytest.mark.parametrize("path", ["/mnt/efs/c.json", "/mnt/efs/a/b/c.json"])
def test_file_on_a_mounted_file_system_is_taken(path: str) -> None:
    check(path)


def test_elsewhere_any_file_is_taken() -> None:
    check_path({}, Path.is_mount)
