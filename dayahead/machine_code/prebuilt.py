"""Machine code that an image carries: a library for each level of the processors of its kind.

The levels of x86-64 are those of its ABI (https://gitlab.com/x86-psABIs/x86-64-ABI). Every processor of a kind has the
lowest one, so that an image needs no compiler. Results do not depend on the level, to the last bit.
"""

import platform
from dataclasses import dataclass
from pathlib import Path

from dayahead.machine_code.key import PACKAGE, digest_of

FOLDER = PACKAGE / "machine_code" / "prebuilt"
PROCESSOR = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Level:
    """What a group of processors has in common.

    Attributes:
        name: by which LLVM calls it.
        flags: of /proc/cpuinfo that a processor of the level has.
    """

    name: str
    flags: frozenset[str] = frozenset()

    def file_name(self, digest: str) -> str:
        """Name of its library, for sources with a digest."""
        return f"machine_code.{digest}.{self.name}.so"


_V2 = frozenset({"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"})
_V3 = _V2 | {"abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"}
_V4 = _V3 | {"avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"}

LEVELS: dict[str, tuple[Level, ...]] = {
    "x86_64": (Level("x86-64-v4", _V4), Level("x86-64-v3", _V3), Level("x86-64")),
    "aarch64": (Level("generic"),),
}
"""By kind of processor, the highest level first."""


def library(folder: Path = FOLDER, processor: Path = PROCESSOR) -> Path | None:
    """The library of the highest level that this processor has; None where none was built of these sources.

    Args:
        folder: with the libraries.
        processor: file that describes it, as Linux does in /proc/cpuinfo.
    """
    if not folder.is_dir():
        return None
    digest, flags = digest_of(), flags_of(processor)
    for level in LEVELS.get(platform.machine(), ()):
        file = folder / level.file_name(digest)
        if level.flags <= flags and file.is_file():
            return file
    return None


def flags_of(processor: Path = PROCESSOR) -> frozenset[str]:
    """What the processor and its kernel can do; nothing where the file does not tell."""
    try:
        text = processor.read_text(encoding="utf-8")
    except OSError:
        return frozenset()
    line = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return frozenset(line.partition(":")[2].split())
