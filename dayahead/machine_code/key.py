"""What machine code is named by: everything that was read while it was compiled.

A compiled function freezes the constants that it reads, also those of other modules. So the name holds the text of
every file of this package that the build imports, directly or through others.
"""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent

BUILD = "dayahead.machine_code.build"
"""The module that compiles."""


def digest_of(*facts: str, package: Path = PACKAGE) -> str:
    """Digest the sources of the machine code, and further facts that it depends on; 16 hexadecimal digits.

    Args:
        facts: such as the versions of the compilers.
        package: folder of the package `dayahead`.
    """
    digest = hashlib.sha256()
    for source in sources(package):
        digest.update(f"{source.relative_to(package).as_posix()}\n".encode())
        digest.update(source.read_bytes())
    for fact in facts:
        digest.update(f"{fact}\n".encode())
    return digest.hexdigest()[:16]


def sources(package: Path = PACKAGE) -> list[Path]:
    """Find the files of a package that the build imports, by the text of its imports alone; sorted."""
    found: set[Path] = set()
    waiting = [BUILD]
    while waiting:
        file = _file_of(waiting.pop(), package)
        if file is not None and file not in found:
            found.add(file)
            waiting.extend(_imported(file))
    return sorted(found)


def _file_of(module: str, package: Path) -> Path | None:
    """The file of a module of the package; None for a name within a module, or of another package."""
    first, *names = module.split(".")
    if first != package.name:
        return None
    place = package.joinpath(*names)
    return next((file for file in (place / "__init__.py", place.with_name(f"{place.name}.py")) if file.is_file()), None)


def _imported(file: Path) -> Iterator[str]:
    """What a file imports, at its top or within functions: modules, their packages, and names that may be modules."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))
