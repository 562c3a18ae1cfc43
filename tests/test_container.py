"""Each rendering's Dockerfile and compose.yaml: checked, and done without a container engine."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from .bake import Bake, tool
from .images import Image, instructions
from .servers import family_of, wait_until_gone

KEY = "a-key-of-the-tests"
ADA = {"customerID": "7", "firstName": "Ada", "lastName": "Lovelace"}


def services(bake: Bake) -> dict[str, Any]:
    """The services of compose.yaml."""
    found: dict[str, Any] = yaml.safe_load(bake.read("compose.yaml"))["services"]
    return found


def test_hadolint_finds_nothing(bake: Bake) -> None:
    done = bake.run(tool("hadolint"), "Dockerfile")
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_file_is_one_by_its_schema(bake: Bake) -> None:
    schema = ("--builtin-schema", "vendor.compose-spec")
    done = bake.run(tool("check-jsonschema"), *schema, "compose.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_image_is_made_of_what_is_listed_and_nothing_else(bake: Bake) -> None:
    copied = {
        source
        for name, rest in instructions(bake.read("Dockerfile"))
        if name == "COPY" and not rest.startswith("--from=")
        for source in rest.split()[:-1]
    }
    everything, *lines = [
        line for line in bake.read(".dockerignore").splitlines() if not line.startswith("#")
    ]
    assert everything == "*"
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == copied
    assert copied <= {Path(file).parts[0] for file in bake.files()} | {"uv.lock"}


def test_images_are_named_with_versions(bake: Bake) -> None:
    images = [
        rest.split()[0] for name, rest in instructions(bake.read("Dockerfile")) if name == "FROM"
    ]
    images += [service["image"] for service in services(bake).values() if "build" not in service]
    assert all(re.search(r":\d+\.?\d*(-|$)", image) for image in images), images


def test_every_container_can_do_little(bake: Bake) -> None:
    for name, service in services(bake).items():
        assert service["read_only"], name
        assert service["tmpfs"][0] == "/tmp", name  # noqa: S108, what a file says
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "build" in service or service["user"] not in ("root", "0"), name
    (user,) = [rest for name, rest in instructions(bake.read("Dockerfile")) if name == "USER"]
    assert re.fullmatch(r"([1-9]\d+):\1", user)


def test_only_the_service_is_reached_from_outside_and_from_this_host_only(bake: Bake) -> None:
    ports = {name: one["ports"] for name, one in services(bake).items() if "ports" in one}
    assert ports == {"service": ["${HOST:-127.0.0.1}:${PORT:-5000}:5000"]}


def test_each_secret_is_asked_for(bake: Bake) -> None:
    for name, service in services(bake).items():
        for variable, value in service.get("environment", {}).items():
            if re.search("KEY|PASSWORD|AUTH$", variable):
                assert re.fullmatch(r"\$\{[A-Z_]+:\?set the .+\}", value), f"{name}: {variable}"


def test_all_services_can_be_waited_for(bake: Bake) -> None:
    for name, service in services(bake).items():
        once = any(
            other["depends_on"].get(name) == {"condition": "service_completed_successfully"}
            for other in services(bake).values()
            if isinstance(other.get("depends_on"), dict)
        )
        # The service's own check is the image's.
        assert once or name == "service" or service["healthcheck"]["interval"], name
        assert once != ("restart" in service), name


@pytest.fixture(scope="module")
def image_of(
    installed: Callable[[str], Bake], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Bake], Image]:
    """Gives a project's image, which is built once."""
    built: dict[str, Image] = {}

    def build_once(project: Bake) -> Image:
        if project.name not in built:
            built[project.name] = Image.build(project, tmp_path_factory.mktemp(project.name))
        return built[project.name]

    return build_once


@pytest.fixture
def image(backend: Bake, image_of: Callable[[Bake], Image]) -> Image:
    """The image of each combination that has code of its own. Shared: not to be changed."""
    return image_of(backend)


@pytest.mark.slow
def test_container_serves_and_writes_nothing_but_data(
    image: Image, storage_environ: dict[str, str]
) -> None:
    before = image.written()
    with image.start(API_KEYS=KEY, **storage_environ) as container:
        # On its own connection, as the server may close one of which it did not read the body.
        assert httpx.post(f"{container.url}/set", json=ADA, trust_env=False).status_code == 401
        known = {"Authorization": f"Bearer {KEY}"}
        with httpx.Client(base_url=container.url, headers=known, trust_env=False) as client:
            assert client.post("/set", json=ADA).text == "success"
            assert client.get("/get/7").json() == ADA
            assert client.get("/readyz").status_code == 200
        assert container.stop() == 0
        assert not container.is_healthy()
    assert image.written() == before


@pytest.mark.slow
def test_container_stops_in_time_with_all_that_it_started(
    image: Image, storage_environ: dict[str, str]
) -> None:
    with image.start(API_KEYS=KEY, **storage_environ) as container:
        family = family_of(container.process.pid)
        assert len(family) > 2
        assert container.stop() == 0
        wait_until_gone(family)


@pytest.mark.slow
def test_container_does_not_start_without_keys(
    image: Image, storage_environ: dict[str, str]
) -> None:
    done = image.run(image.command(), **storage_environ)
    assert done.returncode != 0
    assert re.fullmatch("configuration: API_KEYS must be .*\n", done.stderr)


@pytest.mark.slow
def test_image_has_no_tools_of_development_and_is_compiled(image: Image) -> None:
    assert image.run(["python", "-c", "import flask, granian"]).returncode == 0
    for module in ("pytest", "mypy", "dotenv", "hypothesis", "zappa"):
        assert image.run(["python", "-c", f"import {module}"]).returncode != 0, module
    sources = [path for path in image.path("/app").rglob("*.py") if "bin" not in path.parts]
    assert len(sources) > 100
    for source in sources:
        assert list((source.parent / "__pycache__").glob(f"{source.stem}.*.pyc")), source


@pytest.mark.slow
def test_command_line_works_in_the_container(image: Image, storage_environ: dict[str, str]) -> None:
    done = image.run(["flask", "customers", "list"], API_KEYS=KEY, **storage_environ)
    assert done.returncode == 0, done.stderr


ENGINE = """#!/bin/sh
# Stands for `docker` where the container runs already.
echo "$*" >> "$CALLS"
case $* in
  "compose exec -T service "*) shift 4 && cd "$APP" && exec "$@" ;;
esac
"""


@pytest.mark.slow
def test_check_of_the_containers_uses_the_service_and_leaves_nothing(
    backend: Bake, image: Image, storage_environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "docker").write_text(ENGINE)
    (tmp_path / "docker").chmod(0o755)
    with image.start(ALLOW_ANONYMOUS="1", **storage_environ) as container:
        # Its own port is that of the container.
        script = backend.read("check_container.sh")
        script = script.replace("PORT=5099", f"PORT={container.variables['PORT']}")
        script = script.replace('cd "$(dirname "$0")"', "")
        environ = {
            "APP": str(image.path("/app")),
            "CALLS": str(tmp_path / "calls"),
            "PATH": f"{tmp_path}:{image.environ['PATH']}",
        }
        done = backend.run("sh", "-c", script, environ=environ)
    assert done.returncode == 0, done.stderr
    assert '200 {"customerID"' in done.stdout
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[0].startswith("compose up --build --wait ")
    assert calls[-1].startswith("compose down --volumes ")


@pytest.mark.slow
def test_check_of_the_containers_fails_where_the_service_does(
    backend: Bake, tmp_path: Path
) -> None:
    (tmp_path / "docker").write_text(ENGINE.replace("esac", '  *" up "*) exit 1 ;;\nesac'))
    (tmp_path / "docker").chmod(0o755)
    environ = {"CALLS": str(tmp_path / "calls"), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert backend.run("./check_container.sh", environ=environ).returncode == 1
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call.split()[1] for call in calls] == ["up", "logs", "down"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sql", "sql-lambda"])
def test_migration_runs_once_and_then_the_service_is_ready(
    name: str, installed: Callable[[str], Bake], image_of: Callable[[Bake], Image], tmp_path: Path
) -> None:
    project = installed(name)
    image = image_of(project)
    environ = {"API_KEYS": KEY, "DATABASE_URL": f"sqlite:///{tmp_path}/customers.db"}
    with image.start(**environ) as container:
        ready = f"{container.url}/readyz"
        assert httpx.get(ready, trust_env=False).status_code == 503
        done = image.run(services(project)["migration"]["command"], **environ)
        assert done.returncode == 0, done.stderr
        assert httpx.get(ready, trust_env=False).status_code == 200
