"""The README of each project names the order in which to read it, and how long that takes."""

import re

from .bake import Bake

LINES_PER_MINUTE = 40
STEP = 5  # minutes, to which they are rounded up
GROUP = re.compile(r"\| \*\*(?P<name>[^*]+)\*\* \|(?: \*\*(?P<minutes>\d+) minutes\*\*)? \|")


def groups(bake: Bake) -> list[tuple[str, int, list[str]]]:
    """What is read together: its name, the minutes, and its files and folders."""
    _, _, table = bake.read("README.md").partition("| file | holds |\n|---|---|\n")
    found: list[tuple[str, int, list[str]]] = []
    for row in table.splitlines():
        if group := GROUP.fullmatch(row):
            found.append((group["name"], int(group["minutes"] or 0), []))
            continue
        folder = ""
        for name in re.findall("`([^`]+)`", row.split("|")[1]):
            if "/" in name.rstrip("/"):
                folder = name.rstrip("/").rpartition("/")[0] + "/"
                found[-1][2].append(name)
            else:
                found[-1][2].append(folder + name)
    return found


def lines_of(bake: Bake, name: str) -> int:
    files = [
        file for file in bake.files() if file == name or file.startswith(f"{name.rstrip('/')}/")
    ]
    assert files, f"{name} is not there"
    return sum(len(bake.read(file).splitlines()) for file in files)


def test_minutes_are_those_of_the_lines(bake: Bake) -> None:
    stated = {name: minutes for name, minutes, _ in groups(bake) if minutes}
    counted = {
        name: -(-sum(lines_of(bake, file) for file in files) // (LINES_PER_MINUTE * STEP)) * STEP
        for name, _, files in groups(bake)
        if name in stated
    }
    assert stated == counted


def test_each_module_of_the_package_is_read_once(bake: Bake) -> None:
    named = [name for _, _, names in groups(bake) for name in names]
    assert len(named) == len(set(named))
    modules = [f for f in bake.files() if f.startswith(f"{bake.package}/") and f.endswith(".py")]
    folders = tuple(name for name in named if name.endswith("/"))
    assert [m for m in modules if m not in named and not m.startswith(folders)] == []


def test_each_file_that_is_named_is_there(bake: Bake) -> None:
    for _, _, names in groups(bake):
        assert all(lines_of(bake, name) for name in names)
