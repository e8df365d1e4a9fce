"""A build that is ended half-way: builders that fork as mmdebstrap does end too, and the next build works."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.places import Places
from tests.waiting import wait_until

BUILD = """
import sys
from pathlib import Path
from deploy.local.build import build
from deploy.local.places import Places
from deploy.running import end_in_order
end_in_order()
build(Places(Path(sys.argv[1])))
"""

# Like mmdebstrap: the first process ignores the signal and waits for its children, which mount and work.
BUILDER = """#!/bin/bash
for target; do :; done
root=$(dirname "$target")
echo begun >>"$root/history"
mkdir -p "$target/proc"
mount -t tmpfs none "$target/proc"
trap : TERM INT
bash -c 'while [ ! -e "$0/go" ]; do sleep 0.05; done' "$root" &
child=$!
echo $child >"$root/child.pid"
while kill -0 $child 2>/dev/null; do wait $child; done
[ -e "$root/go" ] || exit 1
umount "$target/proc"
echo ended >>"$root/history"
"""


@pytest.fixture
def tools(tmp_path: Path) -> dict[str, str]:
    """The environment of a build whose mmdebstrap is `BUILDER` and whose Maven does nothing."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in {"mmdebstrap": BUILDER, "mvn": "#!/bin/sh\n"}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


def start(root: Path, tools: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILD, str(root)]
    return subprocess.Popen(command, env=tools, text=True, stderr=subprocess.PIPE)


def builder_of(root: Path) -> int:
    """Pid of the child of the builder, once it works."""
    pid_file = root / "child.pid"
    return int(wait_until(lambda: pid_file.exists() and pid_file.read_text().strip(), 60, "the builder to work"))


def mounts(root: Path) -> list[str]:
    return [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(root) in line]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_builder_and_its_mounts_and_the_next_build_works(
    tmp_path: Path, tools: dict[str, str], number: signal.Signals
) -> None:
    root = tmp_path / "local"
    first = start(root, tools)
    child = builder_of(root)
    assert mounts(root)
    first.send_signal(number)
    _, errors = first.communicate(timeout=60)
    assert first.returncode != 0, errors
    assert not Path(f"/proc/{child}").exists()
    assert not mounts(root)
    assert not (root / "debian.unfinished").exists()

    (root / "go").touch()
    second = start(root, tools)
    assert second.wait(timeout=60) == 0
    assert Places(root).tree.is_dir()
    assert (root / "history").read_text().split() == ["begun", "begun", "ended"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_build_waits_for_the_builder_of_one_that_was_killed(tmp_path: Path, tools: dict[str, str]) -> None:
    root = tmp_path / "local"
    first = start(root, tools)
    builder_of(root)
    first.kill()
    first.wait(timeout=60)
    second = start(root, tools)
    lock = os.stat(root / "debian.lock").st_ino
    waits = f":{lock} "
    wait_until(
        lambda: any("->" in line and waits in line for line in Path("/proc/locks").read_text().splitlines()),
        60,
        "the second build to wait for the lock",
    )
    (root / "go").touch()
    assert second.wait(timeout=60) == 0
    assert (root / "history").read_text().split() == ["begun", "ended", "begun", "ended"]
