"""Each rendering for Lambda is deployed, migrated, updated, rolled back and removed by Zappa."""

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from .aws import Aws, aws, deployable, path_to_python
from .bake import Bake
from .conftest import LAMBDA
from .databases import databases_of

pytestmark = pytest.mark.slow

FUNCTION = "customer-api-dev"
ADA = {"customerID": "7", "firstName": "Ada", "lastName": "Lovelace"}
MOUNTED = Path("/dev/shm")  # noqa: S108, stands for EFS


@pytest.fixture(params=LAMBDA)
def bake(request: pytest.FixtureRequest, installed: Callable[[str], Bake]) -> Bake:
    """Each rendering for Lambda."""
    return installed(request.param)


@contextmanager
def storage_of(bake: Bake, folder: Path) -> Iterator[dict[str, str]]:
    """A storage for the functions, and the variables with which they find it."""
    match bake.answers["storage_backend"]:
        case "redis":
            with bake.cluster() as environ:
                yield environ
        case "sql":
            with databases_of(bake, "postgresql", folder) as databases:
                yield {"DATABASE_URL": databases.create("customers")}
        case _:
            with tempfile.TemporaryDirectory(dir=MOUNTED) as mounted:
                yield {"DATA_PATH": f"{mounted}/customers.json"}


class Operator:
    """Someone who deploys a project from a terminal."""

    def __init__(self, project: Bake, environ: dict[str, str]) -> None:
        self.project = project
        self.environ = environ

    def deploy(self) -> None:
        """Deploy or update the stage dev."""
        self.project.make("deploy", STAGE="dev", **self.environ)

    def zappa(self, *arguments: str, status: int = 0) -> str:
        """Run a command of Zappa that must end with a status; what it prints."""
        done = self.project.run(".venv/bin/zappa", *arguments, environ=self.environ)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.mark.long
def test_deployment_from_its_first_day_to_its_last(bake: Bake, tmp_path: Path) -> None:
    project = deployable(bake, tmp_path / "project")
    with aws(bake, tmp_path) as there, storage_of(bake, tmp_path) as environ:
        operator = Operator(project, {**there.environ, **environ, **path_to_python(bake)})
        if "DATA_PATH" in environ:
            configure(project, environ)
        else:
            assert_variable_is_asked_for(project, there)
        operator.deploy()
        assert there.functions() == [FUNCTION]
        if bake.answers["storage_backend"] == "sql":
            migrate(operator, there)
        assert there.request(FUNCTION, "GET", "/readyz")[0] == 200
        assert there.request(FUNCTION, "POST", "/set", ADA) == (200, "success")

        health = project.path / project.package / "health.py"
        health.write_text(health.read_text().replace('_report("ok"', '_report("newer"'))
        operator.deploy()
        assert state_of(there) == ("newer", ADA)

        assert_package_that_does_not_start_is_taken_back(operator)
        assert state_of(there) == ("newer", ADA)

        health.write_text(health.read_text().replace('_report("newer"', '_report("newest"'))
        operator.deploy()
        assert state_of(there) == ("newest", ADA)
        operator.zappa("status", "dev")
        operator.zappa("rollback", "dev", "-n", "1")
        assert state_of(there) == ("newer", ADA)

        operator.zappa("undeploy", "dev", "--yes")
        assert there.functions() == []


def configure(project: Bake, variables: dict[str, str]) -> None:
    """Write variables that are no secrets into the stage's settings."""
    settings = project.path / "zappa_settings.json"
    told = json.loads(settings.read_text())
    told["dev"]["aws_environment_variables"].update(variables)
    settings.write_text(json.dumps(told))


def assert_variable_is_asked_for(project: Bake, there: Aws) -> None:
    refused = project.run("make", "deploy", environ={**there.environ, "STAGE": "dev"})
    assert refused.returncode != 0
    assert re.search("^deploy: set (REDIS_SENTINELS|DATABASE_URL), as", refused.stderr, re.M)
    assert there.functions() == []


def migrate(operator: Operator, there: Aws) -> None:
    assert there.request(FUNCTION, "GET", "/readyz")[0] == 503
    printed = operator.zappa("invoke", "dev", "run.run_alembic_downgrade", status=1)
    assert "there are not so many revisions in that direction" in printed
    printed = operator.zappa("invoke", "dev", "run.run_alembic_upgrade")
    assert re.search("from.*none.*to.*0001", printed)


def assert_package_that_does_not_start_is_taken_back(operator: Operator) -> None:
    runner = operator.project.path / "run.py"
    good = runner.read_text()
    runner.write_text("raise SystemExit('configuration: it is wrong')\n")
    broken = operator.project.run("make", "deploy", environ={**operator.environ, "STAGE": "dev"})
    runner.write_text(good)
    assert re.search(
        f"^deploy: {FUNCTION} does not start: configuration: it is wrong; "
        "the code of the version before is in place again$",
        broken.stderr,
        re.MULTILINE,
    )


def state_of(there: Aws) -> tuple[str, dict[str, str]]:
    """Which version of the code answers, and what it knows of a customer."""
    _, health = there.request(FUNCTION, "GET", "/healthz")
    _, customer = there.request(FUNCTION, "GET", "/get/7")
    return json.loads(health)["status"], json.loads(customer)


BROKEN_REVISION = '''
"""Do what cannot be done."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.drop_column("customers", "missing")


def downgrade() -> None:
    pass
'''


def test_workflow_takes_the_code_back_if_the_migration_fails(
    installed: Callable[[str], Bake], tmp_path: Path
) -> None:
    bake = installed("sql-lambda")
    project = deployable(bake, tmp_path / "project")
    workflow = yaml.safe_load(project.read(".github/workflows/deploy.yml"))
    steps = {step["name"]: step for step in workflow["jobs"]["deploy"]["steps"] if "name" in step}
    assert steps["Take the code back"]["if"] == ("failure() && steps.migrate.outcome == 'failure'")
    with aws(bake, tmp_path) as there, storage_of(bake, tmp_path) as environ:

        def run(step: str) -> int:
            variables = {**there.environ, **environ, **path_to_python(bake), "STAGE": "dev"}
            return project.run("sh", "-ec", steps[step]["run"], environ=variables).returncode

        assert [run("Deploy"), run("Migrate")] == [0, 0]
        assert there.request(FUNCTION, "POST", "/set", ADA) == (200, "success")

        versions = project.path / "migrations" / "versions"
        (versions / "0002_do_what_cannot_be_done.py").write_text(BROKEN_REVISION)
        assert [run("Deploy"), run("Migrate")] == [0, 1]
        assert there.request(FUNCTION, "GET", "/readyz")[0] == 503
        assert run("Take the code back") == 0
        assert there.request(FUNCTION, "GET", "/readyz")[0] == 200
        assert state_of(there) == ("ok", ADA)
