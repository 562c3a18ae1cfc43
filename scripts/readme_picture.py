"""Draw docs/demo.svg: a terminal in which the template is rendered, tested, run and asked.

Everything in the picture was printed by the commands that it shows. What is different from what a
user sees: the template comes from a clone of this checkout, waits are shorter, and the folder, the
port and the debugger's PIN are the usual ones instead of this machine's.
"""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.moving_picture import Session, draw
from scripts.terminal import COLUMNS, Chunk, Terminal, run
from tests.bake import TEMPLATE, run_in
from tests.newcomer import Newcomer
from tests.servers import free_port
from tests.updating import Workshop

PICTURE = TEMPLATE / "docs" / "demo.svg"
RENDER = "uvx cookiecutter gh:ORG/cookiecutter-flask-store"
CURLS = (
    """\
curl --json '{"customerID": "1", "firstName": "Ada", "lastName": "Lovelace"}' \\
  localhost:5000/set""",
    "curl localhost:5000/get/1",
    """curl --json '{"customerID": "2", "firstName": "Alan"}' localhost:5000/set""",
    "cat customers.json",
)

# How long things last in the picture, in seconds.
RENDERING = 5.0
TESTING = 3.5
STARTING = 0.8
READING = 0.8
ENDING = 3.5

# How long a reader of the questions waits before Enter: longer where there is something to choose.
DECIDING = {"Where customers are kept": 1.0}
DECIDING_OTHERWISE = 0.2
QUIET = 1.0  # then the development server has said all that it has to say for now


@dataclass(frozen=True, slots=True)
class Usual:
    """What is shown in place of what only this machine has."""

    folder: Path
    port: int

    def __call__(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Exchange it in what was printed."""
        for at, text in chunks:
            text = text.replace(str(self.folder), "~").replace(f":{self.port}", ":5000")
            yield at, re.sub(r"PIN: [\d-]+", "PIN: 123-456-789", text)


def perform(session: Session, folder: Path, *, with_tests: bool = True) -> None:
    """Do what the picture shows.

    Args:
        session: Where it is shown.
        folder: An empty folder.
        with_tests: Run the project's own tests, too, which takes a while.
    """
    newcomer = Newcomer.set_up(Workshop.set_up(folder / "workshop"), folder / "home")
    port = free_port()
    usual = Usual(newcomer.home, port)
    environ = {**newcomer.environ, "COLUMNS": str(COLUMNS), "PORT": str(port)}
    # From its second run on, uvx says nothing of packages.
    run_in(folder, "uvx", "cookiecutter", "--version", environ=environ)

    session.type(0, RENDER)
    with run(RENDER.split(), newcomer.home, environ) as terminal:
        session.show(0, usual(answer_with_enter(terminal)), RENDERING)
        terminal.wait()
    session.wait(READING)
    session.type(0, "cd customer-api")
    project = newcomer.home / "customer-api"
    if with_tests:
        session.type(0, "make test")
        with run(["make", "test"], project, environ) as terminal:
            session.show(0, usual(terminal.read_until(lambda _: False)), TESTING)
            terminal.wait()
        session.wait(READING)
    else:
        subprocess.run(["make", "setup"], cwd=project, env=environ, check=True)
    serve_and_ask(session, project, environ, usual)


def serve_and_ask(session: Session, project: Path, environ: dict[str, str], usual: Usual) -> None:
    """Start the service in the first terminal, and ask it from the second one."""
    session.type(0, "make run")
    with run(["make", "run"], project, environ) as server:
        starting = server.read_until(lambda text: "PIN" in text)
        session.show(0, usual([*starting, *server.read(QUIET)]), STARTING)
        session.wait(READING)
        session.second_opens_at = session.now
        for command in CURLS:
            session.type(1, command)
            answer = ask(command.replace(":5000", f":{usual.port}"), project, environ)
            session.show(1, [(0, answer)], 0)
            session.show(0, usual(server.read(QUIET)), 0)
            session.wait(READING)
    session.wait(ENDING - READING)


def answer_with_enter(terminal: Terminal) -> Iterator[Chunk]:
    """Take each default that Cookiecutter offers; what it prints."""
    while chunks := terminal.read_until(lambda text: re.search(r"\)\S*: $", text)):
        yield from chunks
        text = "".join(text for _, text in chunks)
        if not text.endswith(": "):
            return
        time.sleep(next((DECIDING[what] for what in DECIDING if what in text), DECIDING_OTHERWISE))
        terminal.press_enter()


def ask(command: str, folder: Path, environ: dict[str, str]) -> str:
    """What a command in the second terminal prints."""
    done = subprocess.run(
        ["sh", "-c", command.replace("curl ", "curl --silent --show-error ")],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def main() -> None:
    """Do it, and draw it."""
    session = Session()
    with tempfile.TemporaryDirectory() as folder:
        perform(session, Path(folder))
    PICTURE.write_text(draw(session))
    print(f"{PICTURE.name}: {session.now:.0f} s, {os.stat(PICTURE).st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
