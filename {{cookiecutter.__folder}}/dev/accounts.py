"""The user that runs servers, as some refuse to run as root."""

import os
import subprocess
from pathlib import Path


def account() -> tuple[int, int] | None:
    """The IDs of the user and the group that run servers, if not this process's.

    Returns:
        Those of `nobody` for root, None for others.
    """
    if os.geteuid() != 0:
        return None
    import pwd  # there is none on Windows

    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def can_reach(path: Path, account: tuple[int, int]) -> bool:
    """Whether an account may run a program, or enter a folder."""
    user, group = account
    command = ["/bin/sh", "-c", 'test -x "$0"', str(path)]
    done = subprocess.run(  # noqa: S603, no untrusted input
        command, user=user, group=group, extra_groups=[], cwd="/", check=False
    )
    return done.returncode == 0
