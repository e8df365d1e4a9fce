"""Make an environment small before it is copied into an image: `python3 slim.py FOLDER`.

Removes what no service runs: tests and headers of packages, Arrow's parts for servers and S3, and the debug
information of libraries (`strip`, of the package binutils). Standard library only: it runs before anything of ours.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

UNUSED_FOLDERS = ("tests", "test", "include", "testing_data")
"""Of packages, anywhere within them."""
IN_USE = ("evidently",)
"""Packages whose folders of these names are code: Evidently's `tests` are those of data."""
UNUSED_FILES = ("*.pyi", "*.pxd", "*.pyx", "*.pxi", "*.h", "*.hpp", "*.a")
ARROW = (
    # a protocol between servers, files in S3; sources of C++
    "*flight*",
    "*libarrow_s3*",
    "src",
)
"""Of PyArrow: what is left reads and writes Arrow, Parquet and CSV in memory and in files."""


def unused(packages: Path) -> Iterator[Path]:
    """Yield the folders and files of a folder of packages that no service runs."""
    for name in UNUSED_FOLDERS:
        yield from (
            path
            for path in packages.rglob(name)
            if path.is_dir() and path.parent != packages and path.relative_to(packages).parts[0] not in IN_USE
        )
    for pattern in UNUSED_FILES:
        yield from packages.rglob(pattern)
    for pattern in ARROW:
        yield from (packages / "pyarrow").glob(pattern)


def one_name_each(packages: Path) -> None:
    """Replace equal libraries of a folder, which a wheel holds under several names, by links to one of them."""
    for library in sorted(packages.rglob("*.so.*")):
        if library.is_symlink():
            continue
        plain = library.with_name(f"{library.name.partition('.so')[0]}.so")
        for other in sorted({plain, *library.parent.glob(f"{plain.name}.*")} - {library}):
            if other.is_file() and not other.is_symlink() and other.read_bytes() == library.read_bytes():
                other.unlink()
                other.symlink_to(library.name)


def strip(packages: Path) -> None:
    """Remove the debug information of libraries; each becomes a new file, since others may link to the old one."""
    for library in packages.rglob("*.so*"):
        # libraries that auditwheel moved into a wheel have a layout that `strip` may break
        if library.is_file() and not library.is_symlink() and not library.parent.name.endswith(".libs"):
            small = library.with_name(f"{library.name}.small")
            subprocess.run(["strip", "--strip-debug", "-o", str(small), str(library)], check=True)
            small.replace(library)


def main(environment: Path) -> None:
    """Make the packages of an environment small."""
    (packages,) = environment.glob("lib/python3*/site-packages")
    for path in list(unused(packages)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    strip(packages)
    one_name_each(packages)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
