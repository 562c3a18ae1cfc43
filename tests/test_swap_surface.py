"""What the projects of two storages differ in: the swap surface, and nothing else."""

import re
from collections.abc import Callable
from itertools import combinations, product
from pathlib import Path

import pytest

from .bake import Bake
from .conftest import OPTIONS, Render

# A shared file that has another text for each storage, and why.
SHARED = {
    ".dockerignore": "the database's file stays out of the image",
    ".env.example": "the variables of the storage",
    ".github/dependabot.yml": "whether compose.yaml names further images",
    ".github/workflows/deploy.yml": "whether a migration belongs to a deployment",
    "AGENTS.md": "the real parts that the tests use",
    "Dockerfile": "where the data lies, and what migrates it",
    "README.md": "what the storage promises, and which files it has",
    "SECURITY.md": "what of the threats concerns the storage",
    "check_container.sh": "what is started beside the service",
    "compose.yaml": "what is started beside the service",
    "customer_api/__init__.py": "one import",
    "dev/__main__.py": "which servers are started",
    "docs/extend.md": "how a new resource is kept",
    "docs/lambda.md": "what the storage needs there",
    "local_dev.sh": "which servers are started",
    "pyproject.toml": "the dependencies of the storage",
    "run.py": "the migrations, and on Lambda what the storage checks first",
    "tests/backend.py": "the fixture that gives the tests a storage",
    "tests/on_lambda/storage.py": "the fixture that gives the tests on Lambda a storage",
    "zappa_settings.json": "what the storage needs there",
}
# Where the other files of a storage are: nowhere in the package but here.
OWN = re.compile(
    r"customer_api/(storage/|db_utils\.py|migration_lock\.py|models\.py)"
    r"|(dev|migrations|tests)/|docs/(redis|sql)\.md"
)
IMPORT = re.compile(r"from \.storage\.\w+ import \w+ as Storage")
PAIRS = list(product(combinations(OPTIONS["storage_backend"], 2), ("no", "yes")))

Pair = tuple[Bake, Bake]
MakePair = Callable[[tuple[str, str], str], Pair]


@pytest.fixture(scope="module")
def make_pair(render: Render) -> MakePair:
    """Renders two projects that differ in nothing but the storage."""

    def make(storages: tuple[str, str], use_zappa: str) -> Pair:
        one, other = (
            render(
                f"swap-{storage}-{use_zappa}",
                {"storage_backend": storage, "use_zappa": use_zappa},
            )
            for storage in storages
        )
        return one, other

    return make


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{'-'.join(pair[0])}-lambda-{pair[1]}")
def pair(request: pytest.FixtureRequest, make_pair: MakePair) -> Pair:
    return make_pair(*request.param)


def differing(one: Bake, other: Bake) -> set[str]:
    """The files that both projects have, with different texts."""
    shared = set(one.files()) & set(other.files())
    return {file for file in shared if one.read(file) != other.read(file)}


def test_shared_files_differ_only_in_the_swap_surface(pair: Pair) -> None:
    assert differing(*pair) <= SHARED.keys()


def test_swap_surface_names_no_file_that_is_the_same_everywhere(make_pair: MakePair) -> None:
    found = set[str]().union(*(differing(*make_pair(*args)) for args in PAIRS))
    assert found == SHARED.keys()


def test_package_differs_in_one_import(pair: Pair) -> None:
    one, other = (bake.read("customer_api/__init__.py").splitlines() for bake in pair)
    changed = [lines for lines in zip(one, other, strict=True) if lines[0] != lines[1]]
    assert len(changed) == 1
    assert all(IMPORT.fullmatch(line) for line in changed[0])


def test_files_of_one_storage_lie_where_they_belong(pair: Pair) -> None:
    one, other = (set(bake.files()) for bake in pair)
    assert [file for file in one ^ other if not OWN.match(file)] == []


def test_nothing_outside_of_the_storage_imports_the_storage_s_own_modules(pair: Pair) -> None:
    shared = set(pair[0].files()) & set(pair[1].files()) - SHARED.keys()
    own = {
        Path(file).stem
        for file in set(pair[0].files()) ^ set(pair[1].files())
        if file.startswith("customer_api/")
    }
    assert own
    for file in shared:
        if file.endswith(".py"):
            imported = re.findall(r"^\s*from \S*?(\w+) import", pair[0].read(file), re.MULTILINE)
            assert not own & set(imported), file
