"""The jars of the Kafka broker, fetched through Maven."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from dayahead.errors import StackError
from deploy.local.builders import Builders
from deploy.local.places import CHECKOUT, Places, locked

POM = CHECKOUT / "deploy" / "kafka" / "pom.xml"
LOG_SETTINGS = CHECKOUT / "deploy" / "kafka" / "log4j2.properties"
RECIPE_FILE = ".dayahead-recipe"

Fetcher = Callable[[Path], None]


def fetch_with_maven(target: Path, builders: Builders | None = None) -> None:
    """Copy the jars of deploy/kafka/pom.xml and their dependencies into `target`.

    Args:
        target: existing folder.
        builders: run Maven, and may stop it.

    Raises:
        StackError: Maven failed; the message has its last lines.
    """
    command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", "-DincludeScope=runtime"]
    done = (builders or Builders()).run([*command, f"-DoutputDirectory={target}"])
    if done.returncode:
        lines = "\n  ".join(done.stdout.strip().splitlines()[:8])
        raise StackError(
            f"Maven could not fetch the Kafka jars named in {POM} (exit {done.returncode}): "
            f"check the network and ~/.m2/settings.xml. It said:\n  {lines}"
        )


class KafkaLibs:
    """Fetches the jars once and atomically: the folder is renamed into place when complete."""

    def __init__(self, places: Places, fetcher: Fetcher = fetch_with_maven) -> None:
        self.path = places.kafka_libs
        self._fetcher = fetcher

    @property
    def recipe(self) -> str:
        """Identifies what is fetched: it changes with the pom."""
        return hashlib.sha256(POM.read_bytes()).hexdigest()[:16]

    def is_whole(self) -> bool:
        """Whether all jars of this recipe are present."""
        recipe = self.path / RECIPE_FILE
        return recipe.is_file() and recipe.read_text() == self.recipe

    def ensure(self) -> bool:
        """Fetch the jars if they are missing or outdated.

        Returns:
            Whether they were fetched.

        Raises:
            StackError: they could not be fetched.
        """
        if self.is_whole():
            return False
        with locked(self.path.with_name("libs.lock")):
            if self.is_whole():
                return False
            unfinished = self.path.with_name("libs.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            self._fetcher(unfinished)
            (unfinished / RECIPE_FILE).write_text(self.recipe)
            shutil.rmtree(self.path, ignore_errors=True)
            unfinished.rename(self.path)
            return True
