"""Name the present state a release: date it in CHANGELOG.md, check it, commit it and tag it.

If a check fails, or is interrupted, nothing is committed, and the files are as they were.
"""

import argparse
import datetime
import re
import shlex
import subprocess
import sys
from pathlib import Path

CHANGELOG = Path("CHANGELOG.md")
PROJECT = Path("pyproject.toml")
UNRELEASED = "## Unreleased\n"
BY_HAND = "### By hand\n"
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", re.ASCII)
HEADING = re.compile(rf"^## ({VERSION.pattern}) - \d{{4}}-\d\d-\d\d$", re.MULTILINE | re.ASCII)

# Projects of earlier releases are updated to this one.
CHECK = (
    f"{shlex.quote(sys.executable)} -m pytest -n auto "
    "tests/test_release.py tests/test_update.py tests/test_switch.py"
)


def git(*arguments: str) -> str:
    """What a git command printed."""
    command = ["git", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def parts(version: str) -> tuple[int, ...]:
    """A version's numbers, which compare as versions do."""
    return tuple(map(int, version.split(".")))


def notes(changelog: str) -> str:
    """What stands under Unreleased."""
    _, found, rest = changelog.partition(UNRELEASED)
    return re.split("^## ", rest, maxsplit=1, flags=re.MULTILINE)[0].strip() if found else ""


def problem(version: str, changelog: str) -> str | None:
    """Why this cannot be released, and what to do, or None."""
    if not VERSION.fullmatch(version):
        return f"{version!r} is no version; say, for example, make release VERSION=1.2.3"
    released = HEADING.search(changelog)
    if released and parts(version) <= parts(released[1]):
        return f"{version} is not above {released[1]}, which was released last"
    if git("tag", "--list", f"v{version}"):
        return f"the tag v{version} exists"
    if (branch := git("branch", "--show-current")) != "main":
        return f"a release is made on main; this is {branch or 'no branch'}"
    if git("status", "--porcelain"):
        return "the working tree is not clean; commit everything"
    if not notes(changelog):
        return "nothing stands under Unreleased in CHANGELOG.md"
    if BY_HAND not in f"{notes(changelog)}\n":
        return 'Unreleased in CHANGELOG.md has no "### By hand"; "Nothing." will do'
    return None


def is_passed(check: str) -> bool:
    """Run a command that judges the release."""
    return subprocess.run(shlex.split(check), check=False).returncode == 0


def release(version: str, date: datetime.date, check: str) -> str | None:
    """Release a version.

    Returns:
        Why it was not released, or None.
    """
    before = {path: path.read_text(encoding="utf-8") for path in (CHANGELOG, PROJECT)}
    if found := problem(version, before[CHANGELOG]):
        return found
    heading = f"{UNRELEASED}\n## {version} - {date}\n"
    after = {
        CHANGELOG: before[CHANGELOG].replace(UNRELEASED, heading, 1),
        PROJECT: re.sub('^version = ".*"$', f'version = "{version}"', before[PROJECT], flags=re.M),
    }
    passed = False
    try:
        write(after)
        passed = is_passed(check)
    finally:
        if not passed:
            write(before)
    if not passed:
        return "the check failed; nothing was changed"
    git("commit", "--message", f"Release {version}", "--", *map(str, after))
    git("tag", "--annotate", f"v{version}", "--message", f"Release {version}")
    return None


def write(texts: dict[Path, str]) -> None:
    """Write files."""
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")


def main() -> str | None:
    """Release what the command line names; the one line that says why not, or None."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", help="such as 1.2.3")
    parser.add_argument("--date", type=datetime.date.fromisoformat, default=datetime.date.today())
    parser.add_argument("--check", default=CHECK, help="the command that judges the release")
    arguments = parser.parse_args()
    if found := release(arguments.version, arguments.date, arguments.check):
        return f"not released: {found}"
    tag = f"v{arguments.version}"
    print(f"released; now: git push --atomic origin main {tag}")
    return None


if __name__ == "__main__":
    sys.exit(main())
