"""Storages that are files: customers.json, and SQLite's database."""

import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

from tests.answers import customer_of
from tests.bake import Bake
from tests.databases import upgrade
from tests.servers import wait_until

from .fault import REFUSED, Fault, Scene, Storage, for_seconds
from .migrations import migration_fault
from .service import without_privileges

DISK = "64m"


@contextmanager
def json_file(bake: Bake) -> Iterator[Storage]:
    """customers.json on a small disk of its own."""
    with small_disk() as folder:
        file = folder / "customers.json"
        faults = [
            Fault("`customers.json` replaced by hand", partial(replace, file)),
            Fault("`customers.json` broken by hand, and mended", partial(spoil, file), REFUSED),
        ]
        yield Storage("JSON file", {"DATA_PATH": str(file)}, [*faults, *folder_faults(folder)])


@contextmanager
def json_on_efs(bake: Bake) -> Iterator[Storage]:
    """customers.json as on a network's file system, where each worker is a machine of its own.

    EFS is mounted by NFS, whose clients ask for a file's attributes anew after 3 s (nfs(5)).
    """
    with small_disk() as folder:
        environ = {"DATA_PATH": str(folder / "customers.json"), "ATTRIBUTES_KEPT_SECONDS": "3"}
        faults = [Fault("none: clients change between two machines, for 5 s", change_machines)]
        # A machine that writes sees what is new, so that few see what is old where many write.
        yield Storage("JSON file on EFS", environ, faults, writers=1, readers=8)


@contextmanager
def sqlite(bake: Bake) -> Iterator[Storage]:
    """SQLite's database on a small disk of its own."""
    with small_disk() as folder, tempfile.TemporaryDirectory() as copies:
        url = upgrade(bake, f"sqlite:///{folder / 'customers.db'}")
        faults = [*folder_faults(folder), migration_fault(bake, Path(copies), url)]
        yield Storage("SQLite", {"DATABASE_URL": url}, faults)


@contextmanager
def small_disk() -> Iterator[Path]:
    """A folder; where this user may mount one, it is a disk that can be filled."""
    folder = Path(tempfile.mkdtemp(prefix="disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    with suppress(FileNotFoundError):
        subprocess.run(mount, capture_output=True, check=False)
    try:
        yield folder
    finally:
        if folder.is_mount():
            subprocess.run(["umount", str(folder)], check=True)
        shutil.rmtree(folder)


def folder_faults(folder: Path) -> list[Fault]:
    """What can happen to the folder of a file."""
    found = []
    if os.geteuid() != 0 or without_privileges():
        found.append(Fault("a read-only folder for 1 s", partial(forbid, folder), REFUSED))
    if folder.is_mount():
        found.append(Fault("a full disk for 1 s", partial(fill, folder), REFUSED))
    return found


def change_machines(scene: Scene) -> None:
    """Let clients talk to one instance, then to another one, and so on."""
    until = time.monotonic() + 5
    with scene.service.another() as other:
        while time.monotonic() < until:
            for instance in (other, scene.service):
                scene.clients.move(instance.url)
                scene.clients.wait_for_writes(20)


def fill(folder: Path, scene: Scene) -> None:
    """Leave no room on the disk."""
    filler = folder / "filler"
    for database in folder.glob("*.db"):
        with scene.clients.paused(), closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # or it needs no room for long
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(2**20))
    with for_seconds(1), suppress(OSError), filler.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(512))
    filler.unlink()


def forbid(folder: Path, scene: Scene) -> None:
    """Let nobody make a file in the folder."""
    mode = folder.stat().st_mode
    folder.chmod(0o555)
    with for_seconds(1):
        pass
    folder.chmod(mode)


def replace(file: Path, scene: Scene) -> None:
    """Add and change customers as a person does, with an editor that writes a new file."""
    with scene.clients.paused():
        customers = json.loads(file.read_text())
        number = int(customers.get("by-hand", {"lastName": "0"})["lastName"]) + 1
        customers["by-hand"] = customer_of("by-hand", number)
        scene.clients.know("by-hand", number)
        new = file.with_suffix(".new")
        new.write_text(json.dumps(customers, indent=4))
        shutil.copystat(file, new)
        new.replace(file)


def spoil(file: Path, scene: Scene) -> None:
    """Cut the end of the file off, and put it back when clients were refused."""
    with scene.clients.paused():
        text = file.read_bytes()
        with file.open("r+b") as opened:
            opened.truncate(len(text) - 20)
    wait_until(lambda: scene.refusals() >= 20, "clients are refused")
    if file.read_bytes() != text[:-20]:
        scene.wrong.append("the broken file was written")
    mended = file.with_suffix(".mended")
    mended.write_bytes(text)
    shutil.copystat(file, mended)
    mended.replace(file)
