"""Put a rendered version onto a cluster, or take it back: `python3 -m deploy.release.rollout apply FOLDER`.

`apply` migrates the tables, then replaces the services and waits for them. `undo` returns the services to the version
that ran before, unless the tables were migrated meanwhile: an older version refuses such tables (docs/operations.md).
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dayahead.errors import DayaheadError

NAMESPACE = "dayahead"
SERVICES = ("ingest", "worker", "trainer", "api")
VERSION_LABEL = "app.kubernetes.io/version"
MIGRATIONS = "dayahead/storage/migrations/[0-9]*.sql"
MIGRATION_TIMEOUT = "15m"
ROLLOUT_TIMEOUT = "10m"


class RolloutError(DayaheadError):
    """The cluster does not have the wanted version; the message says what to do."""


def run(*command: str) -> str:
    """Run a program and return its output.

    Raises:
        RolloutError: it failed; with what it printed.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RolloutError(f"`{' '.join(command)}` failed:\n{done.stderr.strip()}")
    return done.stdout.strip()


def kubectl(*arguments: str) -> str:
    """Run kubectl in the namespace of the services."""
    return run("kubectl", "--namespace", NAMESPACE, *arguments)


def running_version() -> str:
    """Return the version of the running API; empty before the first deployment."""
    label = VERSION_LABEL.replace(".", r"\.")
    path = f"jsonpath={{.metadata.labels.{label}}}"
    return kubectl("get", "deployment", "api", "--ignore-not-found", "--output", path)


def wait_for_services() -> None:
    """Wait until each service runs in its new version.

    Raises:
        RolloutError: one does not become ready in time.
    """
    for service in SERVICES:
        kubectl("rollout", "status", f"deployment/{service}", f"--timeout={ROLLOUT_TIMEOUT}")


def apply(folder: Path) -> None:
    """Migrate, then replace the services.

    Args:
        folder: with the kustomization to apply.

    Raises:
        RolloutError: a step failed.
    """
    # the template of a job cannot change: the one of the version before is removed
    kubectl("delete", "job", "migrate", "--ignore-not-found", "--wait")
    run("kubectl", "apply", "--kustomize", str(folder))
    kubectl("wait", "--for=condition=complete", "job/migrate", f"--timeout={MIGRATION_TIMEOUT}")
    wait_for_services()


def new_migrations(before: str, after: str) -> list[str]:
    """Return the files of migrations that a version has and the one before it has not.

    Args:
        before: tag or commit of the version before.
        after: tag or commit of the version.

    Raises:
        RolloutError: one of the two is not in the checkout.
    """
    return run("git", "diff", "--name-only", "--diff-filter=A", before, after, "--", MIGRATIONS).splitlines()


def undo(before: str, after: str) -> None:
    """Return the services to the version that ran before.

    Args:
        before: version that ran before, such as 0.2.0; empty if none did.
        after: tag or commit of the version that failed.

    Raises:
        RolloutError: nothing ran before, the tables were migrated, or the old version does not become ready.
    """
    if not before:
        raise RolloutError("nothing ran before this version: read `kubectl -n dayahead get pods`, then deploy again")
    if steps := new_migrations(f"v{before}", after):
        raise RolloutError(
            f"version {before} refuses tables with {', '.join(Path(step).name for step in steps)}. Nothing was rolled "
            "back: deploy a corrected version, or restore the backup of this deployment (docs/operations.md, Restore)"
        )
    for service in SERVICES:
        kubectl("rollout", "undo", f"deployment/{service}")
    wait_for_services()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one of the commands; exit with 1 and the reason if it fails."""
    parser = argparse.ArgumentParser(prog="python3 -m deploy.release.rollout", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    commands.add_parser("version", help="print the version that runs")
    commands.add_parser("apply", help="migrate, then replace the services").add_argument("folder", type=Path)
    back = commands.add_parser("undo", help="return to the version before")
    back.add_argument("--before", required=True, help="version that ran before; empty if none did")
    back.add_argument("--after", default="HEAD", help="tag or commit of the version that failed")
    given = parser.parse_args(arguments)
    try:
        if given.command == "version":
            sys.stdout.write(running_version() + "\n")
        elif given.command == "apply":
            apply(given.folder)
        else:
            undo(given.before, given.after)
    except RolloutError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
