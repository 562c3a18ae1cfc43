"""The template's releases, found in its history."""

import re
from pathlib import Path

import pytest

from .bake import TEMPLATE
from .git import git

HEADING = re.compile(r"^## (\d+\.\d+\.\d+) - \d{4}-\d\d-\d\d$", re.MULTILINE)


class ShallowCloneError(Exception):
    """The releases cannot be found, as the history is not there."""


def committed_versions(repository: Path = TEMPLATE) -> list[str]:
    """The versions in the CHANGELOG.md that was committed last, the newest first."""
    return HEADING.findall(git(repository, "show", "HEAD:CHANGELOG.md"))


def release_commits(repository: Path = TEMPLATE) -> dict[str, str]:
    """Each release's commit: the last one that brought its heading into CHANGELOG.md.

    Found without tags, which not every clone has.

    Raises:
        ShallowCloneError: This is a part of the history only.
    """
    if git(repository, "rev-parse", "--is-shallow-repository") == "true":
        raise ShallowCloneError(
            "this clone has no history to find the template's releases in: git fetch --unshallow"
        )
    return {
        version: git(
            repository, "log", "-1", "--format=%H", f"-S## {version} - ", "--", "CHANGELOG.md"
        )
        for version in committed_versions(repository)
    }


def release_commits_here() -> dict[str, str]:
    """Each release's commit in this clone; skips the test where the clone has no history."""
    try:
        return release_commits()
    except ShallowCloneError as error:
        pytest.skip(str(error))
