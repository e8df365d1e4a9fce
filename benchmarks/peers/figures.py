"""What was measured of every method on every protocol, kept as JSON lines."""

from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from benchmarks.accuracy_methods import Measured


@dataclass(frozen=True)
class Missing:
    """A method without a result on a protocol, and why."""

    protocol: str
    method: str
    skipped: str


class Figures:
    """Results by protocol and method, in the order in which they were measured."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], Measured | Missing] = {}

    @classmethod
    def read(cls, file: Path) -> "Figures":
        """What a file holds; nothing where there is none."""
        figures = cls()
        for line in file.read_bytes().splitlines() if file.exists() else []:
            figures.keep(line)
        return figures

    def keep(self, line: bytes) -> None:
        """Take a line of JSON, over what was known of its protocol and method.

        A method's name may be followed by a note on this result, in brackets.
        """
        known = orjson.loads(line)
        made: Measured | Missing = Missing(**known) if "skipped" in known else Measured(**known)
        self._lines[made.protocol, made.method.partition(" (")[0]] = made

    def keep_missing(self, missing: Missing) -> None:
        """Remember that there is no result."""
        self._lines[missing.protocol, missing.method] = missing

    def forget(self, methods: list[str], protocols: list[str]) -> None:
        """Drop what is to be measured again."""
        self._lines = {
            key: line for key, line in self._lines.items() if key[0] not in protocols or key[1] not in methods
        }

    def has(self, protocol: str, method: str) -> bool:
        """Whether there is a result, or a reason why there is none."""
        return (protocol, method) in self._lines

    def measured(self, protocol: str, method: str) -> Measured | None:
        """The result, where there is one."""
        line = self._lines.get((protocol, method))
        return line if isinstance(line, Measured) else None

    def missing(self) -> list[Missing]:
        """All that has no result."""
        return [line for line in self._lines.values() if isinstance(line, Missing)]

    def remarks(self) -> list[Measured]:
        """Results of methods that say more than their name."""
        return [line for line in self._lines.values() if isinstance(line, Measured) and " (" in line.method]

    def write(self, file: Path) -> None:
        """Write all lines, sorted, so that a renewed one changes one line."""
        lines = [orjson.dumps(asdict(self._lines[key])) for key in sorted(self._lines)]
        file.write_bytes(b"\n".join(lines) + b"\n")
