"""Checks before the local stack is started: each problem is one sentence with its remedy."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dayahead.errors import StackError
from dayahead.settings import wrong_values
from dayahead.settings_document import all_settings, settings_classes
from deploy.local.env_file import EnvFile
from deploy.local.places import Places
from deploy.local.ports import is_taken, listener

NEEDED_BYTES = 3 * 1024**3
OLDEST_JAVA = 17
# Command -> the Debian packages that provide it.
TOOLS: Mapping[str, tuple[str, ...]] = {
    "mmdebstrap": ("mmdebstrap", "debian-archive-keyring"),
    "java": ("default-jre-headless",),
    "mvn": ("maven",),
}

Announce = Callable[[str], None]
Find = Callable[[str], str | None]


@dataclass(frozen=True)
class PortUse:
    """A port of the stack.

    Attributes:
        name: of the process.
        variable: the setting that changes it.
    """

    name: str
    port: int
    variable: str


def port_obstacles(uses: Sequence[PortUse]) -> list[str]:
    """One sentence per port that another process uses, or that is configured twice."""
    found = []
    given: dict[int, PortUse] = {}
    for use in uses:
        if use.port in given:
            found.append(f"Port {use.port} is set for both {given[use.port].name} and {use.name}: set {use.variable}.")
        elif is_taken(use.port):
            who = listener(use.port) or "a process that this user may not see"
            found.append(
                f"Port {use.port} ({use.name}) is in use by {who}: stop it, or choose another port "
                f"with {use.variable}={_free_neighbour(use.port)}."
            )
        given[use.port] = use
    return found


def _free_neighbour(port: int) -> int:
    return next((near for near in range(port + 10000, 65536) if not is_taken(near)), 0)


def machine_obstacles(places: Places, *, user_id: int, find: Find = shutil.which) -> list[str]:
    """One sentence per reason why the local stack cannot run on this machine.

    Args:
        places: folders to build in.
        user_id: of the current user; servers run by chroot, which needs root.
        find: finds a command, like `shutil.which`.
    """
    found = []
    if find("apt-get") is None:
        found.append(
            "This is not Debian or Ubuntu (apt-get is missing) and no Docker engine answers: "
            "install Docker with its compose plugin, or start on Debian or Ubuntu."
        )
    if user_id != 0:
        found.append(
            "The local stack runs its servers by chroot, which needs root: start it with sudo, "
            "or install a Docker engine that this user may use."
        )
    if find("setpriv") is None or find("chroot") is None:
        found.append("setpriv or chroot is missing: apt-get install util-linux coreutils.")
    places.root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(places.root).free
    if free < NEEDED_BYTES and not places.tree.exists():
        found.append(
            f"{places.root} has {free / 1024**3:.1f} GB free and the local stack needs "
            f"{NEEDED_BYTES / 1024**3:.0f} GB: free some, or move the checkout."
        )
    return found


def docker_answers() -> bool:
    """Whether a Docker engine with the compose plugin answers this user."""
    if shutil.which("docker") is None:
        return False
    questions = (["docker", "info"], ["docker", "compose", "version"])
    return all(subprocess.run(ask, capture_output=True, check=False, timeout=20).returncode == 0 for ask in questions)


def java_version(text: str) -> int | None:
    """Parse the major version of `java -version`: 17 of `openjdk version "17.0.15"`, 8 of `"1.8.0_392"`."""
    match = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(match[1]) if match else None


def install_tools(missing: Sequence[str], announce: Announce) -> None:
    """Announce and install the Debian packages of missing commands.

    Raises:
        StackError: apt-get failed; the message has its last lines.
    """
    packages = [package for tool in missing for package in TOOLS[tool]]
    if not packages:
        return
    announce(f"apt-get install {' '.join(packages)} (missing on this machine)")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-y", "-q", *packages]):
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode and "install" in command:
            lines = "\n  ".join((done.stderr or done.stdout).strip().splitlines()[-5:])
            raise StackError(
                f"apt-get could not install {', '.join(packages)}: check the network and /etc/apt/sources.list, "
                f"or install them yourself. It said:\n  {lines}"
            )


def missing_tools(*, tree_is_whole: bool, libs_are_whole: bool, find: Find = shutil.which) -> list[str]:
    """Commands to install before the stack can be built and run; what is already built needs no build tool."""
    needed = ["java"] + ([] if tree_is_whole else ["mmdebstrap"]) + ([] if libs_are_whole else ["mvn"])
    return [tool for tool in needed if find(tool) is None]


def check_java() -> None:
    """Check that the java on the PATH can run the broker.

    Raises:
        StackError: it is too old.
    """
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    version = java_version(said)
    if version is None or version < OLDEST_JAVA:
        raise StackError(
            f"Kafka needs Java {OLDEST_JAVA} or newer and `java -version` says {said.splitlines()[:1]}: "
            f"apt-get install openjdk-{OLDEST_JAVA}-jre-headless and put it first on the PATH."
        )


def setting_obstacles(env_file: EnvFile, *, in_containers: bool = False) -> list[str]:
    """What is wrong with the settings: lines of `.env` that nothing reads, and values that are not allowed.

    Args:
        env_file: the `.env` of the stack.
        in_containers: whether the services run where the files of this machine are not.

    Returns:
        A sentence for each; empty if all is well.
    """
    classes = settings_classes()
    variables = {setting.variable for setting in all_settings(classes)}
    return [*env_file.faults(variables), *wrong_values(classes.values(), in_containers=in_containers)]


def refuse(obstacles: Sequence[str]) -> None:
    """Raise if there are problems, before anything is changed.

    Raises:
        StackError: there are problems; the message names all of them.
    """
    if obstacles:
        raise StackError("nothing was started:\n  " + "\n  ".join(obstacles))
