"""Git, in the template's repository and in those that tests make."""

from collections.abc import Mapping
from pathlib import Path

from .bake import run_in


def git(folder: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> str:
    """What a git command that must succeed printed."""
    # A hook of git's that runs the tests has variables that lead to its own repository.
    done = run_in(folder, "env", *unset_git(), "git", *arguments, environ=environ)
    assert done.returncode == 0, f"git {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def unset_git() -> list[str]:
    """The arguments of `env` that unset what leads git to another repository."""
    names = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_WORK_TREE")
    return [argument for name in names for argument in ("-u", name)]


def listed(repository: Path) -> list[str]:
    """The files of a repository that git does not ignore, as they lie there."""
    options = ("-z", "--cached", "--others", "--exclude-standard")
    names = git(repository, "ls-files", *options).split("\0")
    return sorted(name for name in {*names} if (repository / name).is_file())
