"""The releases, and how one is made."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .bake import TEMPLATE, run_in
from .edits import append_to, replace_in
from .git import git
from .releases import HEADING, release_commits, release_commits_here

CHANGELOG = """# Changelog

## Unreleased

### By hand

Nothing.

## 0.9.0 - 2026-01-02

The first one.
"""
IDENTITY = {
    "GIT_AUTHOR_EMAIL": "me@example.com",
    "GIT_AUTHOR_NAME": "Me",
    "GIT_COMMITTER_EMAIL": "me@example.com",
    "GIT_COMMITTER_NAME": "Me",
}


def sections() -> Iterator[tuple[str, str]]:
    """Each heading of the template's CHANGELOG.md, and what stands under it."""
    text = (TEMPLATE / "CHANGELOG.md").read_text(encoding="utf-8")
    _, *parts = re.split("^## ", text, flags=re.MULTILINE)
    for part in parts:
        heading, _, rest = part.partition("\n")
        yield heading, rest


def test_changelog_says_for_each_release_what_to_do_by_hand() -> None:
    assert next(sections())[0] == "Unreleased"
    for heading, text in sections():
        if heading != "Unreleased" or text.strip():
            assert re.search(r"^### By hand\n\n\S", text, re.MULTILINE), heading
            assert heading == "Unreleased" or HEADING.match(f"## {heading}")


def test_version_is_that_of_the_last_release() -> None:
    project = tomllib.loads((TEMPLATE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    newest = next(heading for heading, _ in sections() if heading != "Unreleased")
    assert newest.partition(" ")[0] == project["version"]


def test_each_tag_is_where_its_release_came_into_the_changelog() -> None:
    for version, commit in release_commits_here().items():
        assert re.fullmatch("[0-9a-f]{40}", commit)
        if git(TEMPLATE, "tag", "--list", f"v{version}"):
            assert git(TEMPLATE, "rev-parse", f"v{version}^{{commit}}") == commit


def test_releases_that_pages_name_are_made_or_are_the_next_one() -> None:
    (_, unreleased), *releases = sections()
    made = [heading.partition(" ")[0] for heading, _ in releases]
    pages = [*TEMPLATE.glob("*.md"), *TEMPLATE.glob("docs/*.md")]
    named = {
        version
        for page in pages
        for version in re.findall(
            r"(?:--checkout v|of release )(\d+\.\d+\.\d+)", page.read_text(encoding="utf-8")
        )
    }
    assert made[-1] in named
    following = named.difference(made)
    # While a release is checked, nothing stands under Unreleased: then it must be the one named.
    assert len(following) <= (1 if unreleased.strip() else 0), following
    assert all(parts(version) > parts(made[0]) for version in following)


def parts(version: str) -> list[int]:
    """A version's numbers, which compare as versions do."""
    return [int(part) for part in version.split(".")]


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository that can be released."""

    path: Path

    def git(self, *arguments: str) -> str:
        """Run a git command."""
        return git(self.path, *arguments, environ=IDENTITY)

    def release(
        self, version: str, *more: str, check: str = "true"
    ) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        options = ["--date", "2026-03-04", "--check", check, *more]
        script = str(TEMPLATE / "scripts" / "release.py")
        return run_in(self.path, sys.executable, script, version, *options, environ=IDENTITY)

    def state(self) -> tuple[str, str, str, str]:
        """What a release changes."""
        status, commit = self.git("status", "--porcelain"), self.git("rev-parse", "HEAD")
        return status, commit, self.git("tag"), self.read("CHANGELOG.md")

    def read(self, file: str) -> str:
        """The text of a file."""
        return (self.path / file).read_text(encoding="utf-8")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository whose last release is 0.9.0."""
    repository = Repository(tmp_path / "template")
    repository.path.mkdir()
    (repository.path / "CHANGELOG.md").write_text(CHANGELOG)
    (repository.path / "pyproject.toml").write_text(
        '[project]\nversion = "0.9.0"\ndependencies = ["version>=1"]\n'
    )
    repository.git("init", "--quiet", "--initial-branch=main")
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "-m", "A template")
    repository.git("tag", "v0.9.0")
    return repository


def test_release_is_dated_committed_and_tagged(repository: Repository) -> None:
    done = repository.release("0.10.0")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "released; now: git push --atomic --follow-tags origin main\n"
    assert repository.read("CHANGELOG.md") == CHANGELOG.replace(
        "## Unreleased\n", "## Unreleased\n\n## 0.10.0 - 2026-03-04\n"
    )
    assert repository.read("pyproject.toml").splitlines()[1:] == [
        'version = "0.10.0"',
        'dependencies = ["version>=1"]',
    ]
    assert repository.git("status", "--porcelain") == ""
    assert repository.git("log", "--format=%s", "v0.10.0").splitlines() == [
        "Release 0.10.0",
        "A template",
    ]
    assert release_commits(repository.path)["0.10.0"] == repository.git("rev-parse", "HEAD")


def test_check_sees_the_release_and_undoes_it_when_it_fails(repository: Repository) -> None:
    before = repository.state()
    seen = repository.path.with_name("seen")
    done = repository.release("1.0.0", check=f"sh -c 'cat *.* > {seen}; false'")
    assert done.returncode == 1
    assert "## 1.0.0 - 2026-03-04\n" in seen.read_text()
    assert 'version = "1.0.0"\n' in seen.read_text()
    assert done.stderr.splitlines()[-1] == "not released: the check failed; nothing was changed"
    assert repository.state() == before


def test_notes_are_printed_with_whole_lines_and_links_for_github(repository: Repository) -> None:
    (repository.path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## Unreleased\n\n## 1.0.0 - 2026-03-04\n\n### By hand\n\n"
        "- Read [the\n  page](docs/page.md).\n- Rest.\n\n## 0.9.0 - 2026-01-02\n\nThe first one.\n"
    )
    done = repository.release("1.0.0", "--notes")
    assert done.returncode == 0, done.stderr
    address = "https://github.com/ORG/cookiecutter-flask-store/blob/v1.0.0"
    assert done.stdout == f"### By hand\n\n- Read [the page]({address}/docs/page.md).\n- Rest.\n"


def test_notes_of_no_release_are_refused(repository: Repository) -> None:
    done = repository.release("1.0.0", "--notes")
    assert (done.returncode, done.stderr) == (1, "CHANGELOG.md has no release 1.0.0\n")


@pytest.mark.parametrize(
    "version", ["", "1", "1.0", "v1.0.0", "1.0.0rc1", "01.0.0", "1.0.0 ", "1.0.0.0", "¹.0.0"]
)
def test_malformed_version_is_refused(repository: Repository, version: str) -> None:
    refused(repository, f"{version!r} is no version", version)


@pytest.mark.parametrize("version", ["0.9.0", "0.8.10", "0.0.99"])
def test_version_that_is_not_above_the_last_one_is_refused(
    repository: Repository, version: str
) -> None:
    refused(repository, f"{version} is not above 0.9.0", version)


def test_version_whose_tag_exists_is_refused(repository: Repository) -> None:
    repository.git("tag", "v1.0.0")
    refused(repository, "the tag v1.0.0 exists")


def test_release_is_refused_while_an_earlier_one_has_no_tag(repository: Repository) -> None:
    repository.git("tag", "--delete", "v0.9.0")
    refused(repository, "0.9.0 has no tag")


def test_release_beside_main_is_refused(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "-b", "other")
    refused(repository, "a release is made on main; this is other")
    repository.git("checkout", "--quiet", "--detach")
    refused(repository, "a release is made on main; this is no branch")


@pytest.mark.parametrize("file", ["CHANGELOG.md", "untracked"])
def test_release_of_what_is_not_committed_is_refused(repository: Repository, file: str) -> None:
    append_to(repository.path / file, "more\n")
    refused(repository, "the working tree is not clean")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "nothing stands under Unreleased"),
        ("### Added\n\n- A thing.\n\n", 'has no "### By hand"'),
    ],
)
def test_release_without_its_notes_is_refused(
    repository: Repository, text: str, reason: str
) -> None:
    replace_in(repository.path / "CHANGELOG.md", "### By hand\n\nNothing.\n\n", text)
    repository.git("commit", "--quiet", "--all", "-m", "Other notes")
    refused(repository, reason)


def refused(repository: Repository, reason: str, version: str = "1.0.0") -> None:
    """Show that a release is refused in one line, and that nothing is changed."""
    before = repository.state()
    done = repository.release(version, check="false")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("not released: ")
    assert reason in line
    assert repository.state() == before
