"""The private Debian tree: TimescaleDB, Redis, Prometheus and Alertmanager separate from the system's packages."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from dayahead.errors import StackError
from deploy.local.builders import Builders
from deploy.local.places import Places, locked

SUITE = "trixie"
PACKAGES = ("postgresql-17-timescaledb", "redis-server", "prometheus", "prometheus-alertmanager")
# Documentation and caches that no server reads; excluding them halves the tree.
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/var/cache/apt/archives/*.deb")
RECIPE_FILE = ".dayahead-recipe"

Builder = Callable[[Path], None]


def build_with_mmdebstrap(target: Path, builders: Builders | None = None) -> None:
    """Build a Debian tree with the servers in `target`.

    Args:
        target: folder to create.
        builders: run mmdebstrap, and may stop it.

    Raises:
        StackError: mmdebstrap failed; the message has its last lines.
    """
    command = ["mmdebstrap", "--quiet", "--variant=essential", f"--include={','.join(PACKAGES)}"]
    command += ['--aptopt=Acquire::Retries "3"', *(f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT)]
    done = (builders or Builders()).run([*command, SUITE, str(target)])
    if done.returncode:
        lines = "\n  ".join(done.stderr.strip().splitlines()[-8:])
        raise StackError(
            f"mmdebstrap could not build the Debian tree in {target} (exit {done.returncode}). "
            f"It fetches about 100 MB of Debian packages: check the network and `apt-get update`. It said:\n  {lines}"
        )


class DebianTree:
    """Builds the tree once and atomically: it is renamed into place when complete.

    Attributes:
        path: of the finished tree.
    """

    def __init__(self, places: Places, builder: Builder = build_with_mmdebstrap) -> None:
        self.path = places.tree
        self._stacks = places.stacks
        self._builder = builder

    @property
    def recipe(self) -> str:
        """Identifies the content of the tree; a tree of another recipe is rebuilt."""
        return hashlib.sha256(repr((SUITE, PACKAGES, LEFT_OUT)).encode()).hexdigest()[:16]

    def is_whole(self) -> bool:
        """Whether the finished tree of this recipe exists."""
        recipe = self.path / RECIPE_FILE
        return recipe.is_file() and recipe.read_text() == self.recipe

    def ensure(self) -> bool:
        """Build the tree if it is missing, incomplete or outdated; the data of the stacks is kept.

        Returns:
            Whether it was built.

        Raises:
            StackError: it could not be built.
        """
        if self.is_whole():
            return False
        with locked(self.path.with_name("debian.lock")):
            if self.is_whole():  # another run built it while this one waited
                return False
            unfinished = self.path.with_name("debian.unfinished")
            _remove(unfinished)
            try:
                self._builder(unfinished)
            except BaseException:
                _remove(unfinished)
                raise
            (unfinished / RECIPE_FILE).write_text(self.recipe)
            if self._stacks.exists():
                _remove(unfinished / "srv")
                self._stacks.rename(unfinished / "srv")
            _remove(self.path)
            unfinished.rename(self.path)
            return True


def _remove(folder: Path) -> None:
    """Remove a tree, but never through a mount that a killed builder left in it (/proc, /sys, /dev)."""
    if not folder.exists():
        return
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=True)
    shutil.rmtree(folder)
