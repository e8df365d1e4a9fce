"""Files that keep machine code between processes.

They lie next to the source (in `__pycache__`, as Python keeps its bytecode) or, where that folder cannot be written, in
the user's cache.
"""

import hashlib
import os
import tempfile
from pathlib import Path

from dayahead.machine_code.key import PACKAGE

DIGEST_BYTES = hashlib.sha256().digest_size

TRUSTED_USERS = frozenset({0, os.getuid()})
"""Whose files are loaded."""


def default_folders() -> tuple[Path, ...]:
    """Folders to look in, the first one first."""
    in_package = PACKAGE / "machine_code" / "__pycache__"
    try:
        user = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    except RuntimeError:  # a user without a home: an arbitrary number in a container
        return (in_package,)
    return in_package, Path(user) / "dayahead"


def read(file: Path) -> bytes | None:
    """Read the code behind its digest; None for a file that is missing, damaged, or of a user who is not trusted."""
    if not file.exists() or file.stat().st_uid not in TRUSTED_USERS:
        return None
    content = file.read_bytes()
    digest, code = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    return code if hashlib.sha256(code).digest() == digest else None


def write(code: bytes, file: Path) -> None:
    """Write the code and its digest; a reader finds the whole file or none."""
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as part:
        part.write(hashlib.sha256(code).digest() + code)
    Path(part.name).chmod(0o644)
    Path(part.name).replace(file)
