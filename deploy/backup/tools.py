"""Runs pg_dump and pg_restore: those of the local stack's Debian tree, or those on the PATH."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from dayahead.errors import StackError
from deploy.local.places import Places
from deploy.local.servers.postgres import BIN


def run_tool(
    name: str,
    arguments: Sequence[str],
    database_url: str,
    *,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
    places: Places | None = None,
) -> None:
    """Run a PostgreSQL program against a database; the password is passed in the environment.

    Args:
        name: pg_dump or pg_restore.
        arguments: in addition to the database.
        database_url: postgresql:// URL.
        stdin: its input, if any.
        stdout: its output, if any.
        places: of the local stack, for its Debian tree.

    Raises:
        StackError: the program is missing, or it failed.
    """
    command = _command(name, places or Places())
    parts = conninfo_to_dict(database_url)
    password = str(parts.pop("password", ""))
    connection = make_conninfo("", **{key: str(value) for key, value in parts.items()})
    done = subprocess.run(
        [*command, *arguments, "--dbname", connection],
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, "PGPASSWORD": password},
        check=False,
    )
    if done.returncode:
        said = "\n  ".join(done.stderr.decode(errors="replace").strip().splitlines()[-8:])
        raise StackError(f"{name} failed (exit {done.returncode}):\n  {said}")


def _command(name: str, places: Places) -> list[str]:
    inside = Path(BIN) / name
    if os.geteuid() == 0 and (places.tree / inside.relative_to("/")).exists():
        return ["chroot", str(places.tree), str(inside)]
    if found := shutil.which(name):
        return [found]
    raise StackError(
        f"{name} is not on the PATH: install the PostgreSQL client of the server's version (apt-get install "
        "postgresql-client-17), or run the command where it is"
    )
