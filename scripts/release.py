"""Name the present state a release: date it in CHANGELOG.md, check it, commit it and tag it.

If a check fails, or is interrupted, nothing is committed, and the files are as they were.
docs/releasing.md has what comes before and after.
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
ADDRESS = "https://github.com/ORG/cookiecutter-flask-store"

# What takes seconds, style and types among it; then projects of earlier releases are updated.
CHECK = (
    f"make test-fast && {shlex.quote(sys.executable)} -m pytest -n auto tests/test_update.py "
    "tests/test_update_page.py tests/test_switch.py tests/test_switch_page.py"
)


def git(*arguments: str) -> str:
    """What a git command printed."""
    command = ["git", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def parts(version: str) -> tuple[int, ...]:
    """A version's numbers, which compare as versions do."""
    return tuple(map(int, version.split(".")))


def notes(changelog: str, version: str = "") -> str:
    """What stands under a version's heading, or under Unreleased."""
    heading = re.escape(f"## {version} - ") + ".*\n" if version else UNRELEASED
    _, *found = re.split(f"^{heading}", changelog, maxsplit=1, flags=re.MULTILINE)
    return re.split("^## ", found[0], maxsplit=1, flags=re.MULTILINE)[0].strip() if found else ""


def for_github(text: str, version: str) -> str:
    """Notes for a release on GitHub, where each line ends as written and links start elsewhere."""
    text = re.sub(r"(?<=\S)\n *(?=[^\s#-])", " ", text)
    return re.sub(r"\]\((?!https:)", f"]({ADDRESS}/blob/v{version}/", text)


def problem(version: str, changelog: str) -> str | None:
    """Why this cannot be released, and what to do, or None."""
    if not VERSION.fullmatch(version):
        return f"{version!r} is no version; say, for example, make release VERSION=1.2.3"
    released = [heading[1] for heading in HEADING.finditer(changelog)]
    if released and parts(version) <= parts(released[0]):
        return f"{version} is not above {released[0]}, which was released last"
    tags = git("tag", "--list").splitlines()
    if f"v{version}" in tags:
        return f"the tag v{version} exists"
    for earlier in released:
        if f"v{earlier}" not in tags:
            return f"{earlier} has no tag: git fetch --tags, or tag the commit that released it"
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
    """Run a command of the shell's that judges the release."""
    return subprocess.run(["sh", "-c", check], check=False).returncode == 0


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
    parser.add_argument("--notes", action="store_true", help="print them instead, for GitHub")
    arguments = parser.parse_args()
    if arguments.notes:
        text = notes(CHANGELOG.read_text(encoding="utf-8"), arguments.version)
        if not text:
            return f"{CHANGELOG} has no release {arguments.version}"
        print(for_github(text, arguments.version))
        return None
    if found := release(arguments.version, arguments.date, arguments.check):
        return f"not released: {found}"
    print("released; now: git push --atomic --follow-tags origin main")
    return None


if __name__ == "__main__":
    sys.exit(main())
