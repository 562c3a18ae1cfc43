"""The programs `valkey-server` and `valkey-cli`, as the documents name them."""

import shutil
import sys
from pathlib import Path

from dev.node import find_program


def put_into(folder: Path) -> None:
    """Make a folder for the `PATH` with both; `valkey_cli.py` stands in if there is no client."""
    folder.mkdir()
    (folder / "valkey-server").symlink_to(find_program(None))
    if not shutil.which("valkey-cli"):
        stand_in = Path(__file__).with_name("valkey_cli.py")
        script = f'#!/bin/sh\nexec "{sys.executable}" -I -S "{stand_in}" "$@"\n'
        (folder / "valkey-cli").write_text(script)
        (folder / "valkey-cli").chmod(0o755)
