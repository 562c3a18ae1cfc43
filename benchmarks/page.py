"""Pages that state what was measured, and on what."""

import platform
import re
from pathlib import Path

START = "<!-- measured -->\n"
END = "<!-- end -->\n"


def machine() -> str:
    """What it is measured on."""
    names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return (
        f"{len(names)} cores of {names[0]}, "
        f"{platform.system()} {platform.release().partition('-')[0]}, "
        f"Python {platform.python_version()}"
    )


def put_in(page: Path, text: str) -> None:
    """Exchange what stands between a page's marks."""
    before, _, rest = page.read_text().partition(START)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{START}{text}{END}{after}")
