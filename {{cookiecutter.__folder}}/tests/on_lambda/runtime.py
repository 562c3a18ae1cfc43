"""AWS Lambda's runtime for Python: what it has, and how it calls a function."""

import shutil
import subprocess
import sys
from pathlib import Path

REQUEST_ID = "11111111-2222-3333-4444-555555555555"
# What the runtime has besides Python
# (https://docs.aws.amazon.com/lambda/latest/dg/python-package.html).
OFFERED = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3")

# Reads an event a line, and answers each with a line; what the function prints is its log.
RUNTIME = """
import importlib, json, os, sys
folder, offered, name = sys.argv[1:]
sys.path.insert(0, folder)
sys.path.append(offered)
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

class Context:
    aws_request_id = "11111111-2222-3333-4444-555555555555"
    def __init__(self, milliseconds):
        self.milliseconds = milliseconds
    def get_remaining_time_in_millis(self):
        return self.milliseconds

module, _, function = name.rpartition(".")
handler = getattr(importlib.import_module(module), function)
for line in sys.stdin:
    told = json.loads(line)
    try:
        answer = {"result": handler(told["event"], Context(told["milliseconds"]))}
    except Exception as error:
        answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
    print(json.dumps(answer), file=answers, flush=True)
"""


def find_python(version: str) -> str | None:
    """A Python of a version, if there is one on the PATH or among those that pyenv installed."""
    command = f"python{version}"
    installed = Path.home().glob(f".pyenv/versions/{version}.*/bin/{command}")
    for candidate in (shutil.which(command), *map(str, installed)):
        # A shim of pyenv fails if its version is not chosen.
        if candidate and subprocess.run([candidate, "-V"], capture_output=True).returncode == 0:
            return candidate
    return None


def offer(folder: Path) -> None:
    """Fill a folder with what the runtime offers besides Python."""
    folder.mkdir()
    for name in OFFERED:
        (installed,) = (Path(path) / name for path in sys.path if (Path(path) / name).exists())
        (folder / name).symlink_to(installed)
