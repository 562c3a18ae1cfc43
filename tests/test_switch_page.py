"""docs/switch.md, typed into a terminal: from each storage to each other."""

from collections.abc import Callable, Mapping
from itertools import permutations
from pathlib import Path

import pytest

from .bake import Bake
from .moves import Place, write_lines
from .page_in_terminal import Reader
from .updating import ANSWERS, Project, Workshop

pytestmark = pytest.mark.slow

CUSTOMERS = 50
CHANGED = {"customerID": "1", "firstName": "Ada", "lastName": "Lovelace"}
DELETED = "0000012"  # one of the sample


@pytest.fixture(params=permutations(("json", "redis", "sql"), 2), ids="-to-".join)
def switch(request: pytest.FixtureRequest) -> tuple[str, str]:
    """From each storage to each other."""
    before, after = request.param
    return before, after


@pytest.fixture
def project(workshop: Workshop, switch: tuple[str, str], tmp_path: Path) -> Project:
    """A project with the old storage."""
    return workshop.project("main", ANSWERS[switch[0]], tmp_path / "project")


@pytest.fixture
def reader(workshop: Workshop, tmp_path: Path) -> Reader:
    """Follows the page, whose release is the template of today."""
    return Reader.of("docs/switch.md", tmp_path / "reader", workshop, v1_0_0="main")


def test_page_followed_by_a_project_without_cruft(
    workshop: Workshop, reader: Reader, tmp_path: Path
) -> None:
    (block,) = reader.blocks("Without cruft")
    (create, *_) = block.splitlines()
    reader.follow(reader.folder, create.replace("../before", "."))
    project = Project(reader.folder / "customer-api", workshop)
    project.git("init", "--quiet", "--initial-branch=main")
    project.commit("As rendered")
    project.changed_by_team()
    rendered = workshop.project("main", ANSWERS["sql"], tmp_path / "rendered")
    rendered.changed_by_team()
    reader.follow(project.path, block)
    expected = rendered.files()
    del expected[".cruft.json"]
    assert project.files() == expected


SAMPLE_SENTINELS = "10.0.0.1:26379,10.0.0.2:26379,10.0.0.3:26379"
PREPARED_IN = {"json": "A JSON file", "redis": "Redis", "sql": "A SQL database"}


@pytest.fixture
def variables(
    installed: Callable[[str], Bake],
    clusters: Callable[[Bake], dict[str, str]],
    tmp_path: Path,
) -> Callable[[str], Mapping[str, str]]:
    """Gives the variables for a storage of this test: its defaults if it can do without any."""

    def variables_for(backend: str) -> Mapping[str, str]:
        if backend != "redis":
            return {}
        return {**clusters(installed("redis")), "REDIS_KEY_PREFIX": f"{tmp_path.name}:"}

    return variables_for


def prepare(
    reader: Reader, project: Project, backend: str, variables: Mapping[str, str]
) -> dict[str, str]:
    """Follow what the page says of a new storage; the variables that are set then."""
    install, *_ = reader.blocks("Prepare the new storage")
    reader.follow(project.path, install)
    if backend != "json":  # which has no block
        (block,) = reader.blocks(PREPARED_IN[backend])
        block = block.replace(SAMPLE_SENTINELS, variables.get("REDIS_SENTINELS", ""))
        reader.follow(project.path, block, **variables)
    return dict(variables)


def place(project: Project, variables: Mapping[str, str]) -> Place:
    """A project and its storage, to move customers to and ask for answers."""
    answers = {name: str(answer) for name, answer in project.answers.items()}
    return Place(Bake("switched", project.path, answers), variables)


@pytest.fixture
def old_variables(
    switch: tuple[str, str],
    reader: Reader,
    project: Project,
    variables: Callable[[str], Mapping[str, str]],
    tmp_path: Path,
) -> Mapping[str, str]:
    """Those for the project's storage, which has customers, as has the team its changes."""
    project.changed_by_team()
    variables_there = prepare(reader, project, switch[0], variables(switch[0]))
    project.commit("The lock")
    write_lines(tmp_path / "sample.jsonl", CUSTOMERS)
    place(project, variables_there).run("import", str(tmp_path / "sample.jsonl"))
    return variables_there


def test_page_followed_from_each_storage_to_each_other(
    switch: tuple[str, str],
    reader: Reader,
    project: Project,
    old_variables: Mapping[str, str],
    variables: Callable[[str], Mapping[str, str]],
    tmp_path: Path,
) -> None:
    before = place(project, old_variables).answers(CUSTOMERS)
    rendered = project.workshop.project("main", ANSWERS[switch[1]], tmp_path / "rendered")
    rendered.changed_by_team()

    (export,) = reader.blocks("Before you begin")
    exported = reader.follow(project.path, export, **old_variables).splitlines()[-1]
    assert exported.startswith(f"exported {CUSTOMERS} customers")
    (update,) = reader.blocks("Switch the files")
    reader.follow(project.path, update.replace('"sql"', f'"{switch[1]}"'))
    assert project.files() == rendered.files()
    new_variables = prepare(reader, project, switch[1], variables(switch[1]))
    (bring,) = reader.blocks("Bring the customers")
    assert "they are the same" in reader.follow(project.path, bring, **new_variables)
    (commit,) = reader.blocks("Test, commit, start")
    reader.follow(project.path, commit)

    assert project.git("status", "--porcelain") == ""
    assert "customers.jsonl" not in project.git("ls-files")
    assert place(project, new_variables).answers(CUSTOMERS) == before


@pytest.mark.parametrize("switch", [("json", "sql")], indirect=True)
def test_page_followed_back_with_what_was_written_since(
    reader: Reader, project: Project, old_variables: Mapping[str, str]
) -> None:
    files = project.files()
    sections = ("Before you begin", "Switch the files", "Prepare the new storage")
    blocks = [block for section in sections for block in reader.blocks(section)]
    there = [block for block in blocks if SAMPLE_SENTINELS not in block]
    there += reader.blocks("Bring the customers") + reader.blocks("Test, commit, start")
    reader.follow(project.path, *there)
    new = place(project, {})
    new.run("set", "1", "Ada", "Lovelace")
    new.run("delete", DELETED)
    now = new.run("list").splitlines()

    revert, export, bring = reader.blocks("Go back")
    output = reader.follow(project.path, export, revert, bring, **old_variables)
    assert "they are the same" in output
    assert project.files() == files
    assert sorted(place(project, old_variables).run("list").splitlines()) == sorted(now)


@pytest.mark.parametrize("way", ["With one pause", "By catching up"])
@pytest.mark.parametrize("switch", [("json", "sql")], indirect=True)
def test_page_followed_while_the_service_stays_up(
    reader: Reader, project: Project, old_variables: Mapping[str, str], way: str
) -> None:
    old = place(project, old_variables)
    (beside,) = (
        block for block in reader.blocks("Where the service must stay up") if "worktree" in block
    )
    reader.follow(project.path, beside)
    switched = Project(project.path.with_name("customer-api-next"), project.workshop)
    prepare(reader, switched, "sql", {})
    switched.commit("Keep customers in a SQL database")

    *early, export, bring = reader.blocks(way)
    with old.bake.serve("serve") as service, service.client() as client:
        for block, folder in zip(early, (project, switched), strict=False):
            reader.follow(folder.path, block)
        client.post("/set", json=CHANGED).raise_for_status()
        client.delete(f"/delete/{DELETED}").raise_for_status()
    with old.bake.serve("serve", READ_ONLY="1") as service, service.client() as client:
        reader.follow(project.path, export)
        refused = client.post("/set", json={**CHANGED, "lastName": "King"})
        assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
        assert "they are the same" in reader.follow(switched.path, bring)
        before = client.get("/").json()
        assert before["1"] == CHANGED
    with place(switched, {}).bake.serve("serve") as service, service.client() as client:
        assert client.get("/").json() == before
        client.post("/set", json={**CHANGED, "lastName": "King"}).raise_for_status()

    (merge,) = reader.blocks("Afterwards")
    reader.follow(project.path, merge)
    assert project.files() == switched.files()
