"""Customers that move between rendered projects with different storages."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .bake import Bake, clean_environ
from .databases import databases_of, upgrade

# Prints each request of the contract and the answer to it, of an application that has customers.
_ANSWERS = """
import json, sys
from {package} import create_app
client = create_app().test_client()
customers = json.loads(sys.stdin.readline())
def show(method, path, **options):
    answer = client.open(path, method=method, **options)
    print(method, path, answer.status_code, answer.content_type, answer.data)
for customer_id in customers:
    show("GET", "/get/" + customer_id)
for path in ("/get/nobody", "/get/", "/?limit=0", "/?limit=x", "/?cursor=x&limit=1", "/nothing"):
    show("GET", path)
for body in ("{{}}", "[]", "x", '{{"customerID":"7","firstName":"Ada"}}', '{{"customerID":""}}'):
    show("POST", "/set", data=body, content_type="application/json")
show("POST", "/set", data="x")
show("DELETE", "/delete/nobody")
for path in ("/", "/?limit=1000"):
    listed = client.get(path).json
    print(path, len(listed), json.dumps(listed, sort_keys=True) if path == "/" else "")
"""


def sample(count: int) -> Iterator[dict[str, str]]:
    """Customers with all that an ID and a name may hold."""
    for number in range(count):
        yield {
            "customerID": f"{number:07}é \"'{chr(0x1F600)}&?#%"[: 7 + number % 12],
            "firstName": f"Ada\t{number}\n\u2028",
            "lastName": "Lövelace " * (1 + number % 4),
        }


def write_lines(file: Path, count: int) -> None:
    """Write sample customers as JSON Lines."""
    with file.open("w", encoding="utf-8") as opened:
        for customer in sample(count):
            opened.write(json.dumps(customer) + "\n")


@dataclass(frozen=True, slots=True)
class Place:
    """A project, and an empty storage for it."""

    bake: Bake
    environ: Mapping[str, str]

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `flask customers …`."""
        return subprocess.Popen(
            [self.bake.python, "-m", "flask", "customers", *arguments],
            cwd=self.bake.path,
            env=clean_environ(self.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> str:
        """Run `flask customers …`, which must succeed; what it printed."""
        with self.popen(*arguments) as process:
            output, _ = process.communicate()
        assert process.returncode == 0, output
        return output

    def answers(self, count: int) -> str:
        """What the service answers to requests, of which some are for the first customers."""
        done = subprocess.run(
            [self.bake.python, "-c", _ANSWERS.format(package=self.bake.package)],
            cwd=self.bake.path,
            env=clean_environ(self.environ),
            input=json.dumps([customer["customerID"] for customer in sample(count)]),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def storage_for(bake: Bake, folder: Path, kind: str) -> Iterator[Mapping[str, str]]:
    """The variables for an empty storage: redis, sqlite, postgresql, mariadb, or one in a file."""
    if kind == "redis":
        with bake.cluster() as environ:
            yield environ
    elif kind not in ("sqlite", "postgresql", "mariadb"):
        yield {"DATA_PATH": str(folder / f"customers.{kind}")}
    else:
        with databases_of(bake, kind, folder) as databases:
            yield {"DATABASE_URL": upgrade(bake, databases.create("moved"))}
