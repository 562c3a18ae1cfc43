"""`zappa_settings.json`, read and checked before Zappa works with it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]
FILE = "zappa_settings.json"
FILL_IN = "FILL-IN"

_RUNTIME = re.compile(r"python(3\.\d+)")
_PLATFORMS = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}


class DeployError(Exception):
    """Nothing was deployed. The message is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the settings.

    Attributes:
        name: Its name.
        values: Its settings, with those that it takes over by `extends`.
    """

    name: str
    values: Mapping[str, Any]

    @classmethod
    def load(cls, name: str, folder: Path = ROOT) -> Self:
        """Read a stage.

        Raises:
            DeployError: There is no such stage, or the file is damaged.
        """
        try:
            stages = json.loads((folder / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DeployError(f"{FILE} cannot be read: {error}") from None
        if name not in stages:
            raise DeployError(f"{FILE} has no stage {name}: set STAGE to {' or '.join(stages)}")
        values: dict[str, Any] = {}
        seen: list[str] = []
        while name:
            if name in seen or name not in stages:
                raise DeployError(f"{FILE}: the stage {name} cannot be extended")
            seen.append(name)
            values = {**stages[name], **values}
            name = stages[name].get("extends", "")
        values.pop("extends", None)
        return cls(seen[0], values)

    @property
    def python(self) -> str:
        """The runtime's version of Python, such as 3.13.

        Raises:
            DeployError: `runtime` names none.
        """
        found = _RUNTIME.fullmatch(str(self.values.get("runtime")))
        if not found:
            raise DeployError(f"{FILE}: runtime must be a version of Python, such as python3.13")
        return found[1]

    @property
    def platform(self) -> str:
        """The runtime's system and processor, as uv calls them.

        Raises:
            DeployError: `architecture` names none.
        """
        try:
            return _PLATFORMS[self.values.get("architecture", "x86_64")]
        except KeyError:
            raise DeployError(f"{FILE}: architecture must be x86_64 or arm64") from None

    @property
    def function(self) -> str:
        """The name of the Lambda function, as Zappa makes it."""
        from slugify import slugify

        return slugify(f"{self.values['project_name']}-{self.name}")

    def check_filled_in(self) -> None:
        """Refuse to go on with a placeholder.

        Raises:
            DeployError: A setting still has one.
        """
        for setting in _placeholders(self.values):
            raise DeployError(f"{FILE}: fill in {setting} for the stage {self.name}")


def _placeholders(value: Any, name: str = "") -> list[str]:
    """The names of the settings that a person has still to fill in."""
    if isinstance(value, str):
        return [name] if FILL_IN in value else []
    if isinstance(value, Mapping):
        members = [(f"{name}.{key}" if name else key, member) for key, member in value.items()]
    elif isinstance(value, list):
        members = [(name, member) for member in value]
    else:
        return []
    return [found for key, member in members for found in _placeholders(member, key)]
