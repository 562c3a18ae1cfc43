"""docs/grow.md, followed literally by a team whose service grows from a file to Redis to SQL."""

from collections.abc import Callable
from pathlib import Path

import pytest

from .bake import Bake
from .databases import databases_of
from .moves import Place
from .page_in_terminal import Reader
from .updating import Project, Workshop

pytestmark = pytest.mark.slow

SENTINELS_OF_THE_PAGE = "10.0.0.1:26379,10.0.0.2:26379,10.0.0.3:26379"
DATABASE_OF_THE_PAGE = "postgresql+psycopg://service:password@10.0.0.1/customers"
LISTED = [
    '{"customerID":"1","firstName":"Ada","lastName":"Lovelace"}',
    '{"customerID":"2","firstName":"Alan","lastName":"Turing"}',
    '{"customerID":"3","firstName":"Grace","lastName":"Hopper"}',
]


@pytest.mark.long
def test_page_followed_in_one_terminal(
    workshop: Workshop,
    installed: Callable[[str], Bake],
    clusters: Callable[[Bake], dict[str, str]],
    tmp_path: Path,
) -> None:
    reader = Reader.of("docs/grow.md", tmp_path / "reader", workshop)
    redis = {**clusters(installed("redis")), "REDIS_KEY_PREFIX": f"{tmp_path.name}:"}
    with databases_of(installed("sql"), "postgresql", tmp_path) as databases:
        addresses = {
            SENTINELS_OF_THE_PAGE: redis.pop("REDIS_SENTINELS"),
            DATABASE_OF_THE_PAGE: databases.create("grown"),
        }
        page = "".join(reader.blocks("From file to Redis to SQL"))
        for sample, address in addresses.items():
            assert page.count(sample) == 1
            page = page.replace(sample, address)
        output = reader.follow(reader.folder, page, **redis)

        assert output.count("they are the same") == 2
        project = Project(reader.folder / "customer-api", workshop)
        assert project.git("status", "--porcelain") == ""
        assert len(project.git("log", "--format=%s").splitlines()) == 3
        answers = {name: str(answer) for name, answer in project.answers.items()}
        grown = Place(
            Bake("grown", project.path, answers), {"DATABASE_URL": addresses[DATABASE_OF_THE_PAGE]}
        )
        assert grown.run("list").splitlines() == LISTED

    rendered = workshop.project("main", {"storage_backend": "sql"}, tmp_path / "rendered")
    assert project.files() == rendered.files()
