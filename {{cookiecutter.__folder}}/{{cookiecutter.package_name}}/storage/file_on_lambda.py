"""Where the file may be on AWS Lambda."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from ..aws_lambda import is_here
from ..config import ConfigError

# The system and Lambda's own: read-only, or gone with the instance
# (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html).
_NOT_KEPT = {"/", "/opt", "/tmp", "/var/lang", "/var/runtime", "/var/task"}  # noqa: S108, to be refused


def check_path(
    variables: Mapping[str, str], is_mount: Callable[[Path], bool] = os.path.ismount
) -> None:
    """Refuse to start on Lambda with a file that would be lost with the instance.

    Args:
        variables: The environment.
        is_mount: Whether a file system is mounted at a path.

    Raises:
        ConfigError: The file does not lie on a file system that was mounted there, such as EFS.
    """
    if not is_here(variables):
        return
    path = Path(variables.get("DATA_PATH", "").strip())
    mounts = [folder for folder in path.parents if is_mount(folder)]
    if not path.is_absolute() or str(mounts[0]) in _NOT_KEPT:
        raise ConfigError(
            "DATA_PATH must be a path on a mounted file system, such as one below /mnt/efs: "
            "Lambda keeps no other file"
        )
