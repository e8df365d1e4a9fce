"""Builds what every stack is run from: the Debian tree, the Kafka jars, and the tools that make them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from deploy.local.kafka_libs import KafkaLibs
from deploy.local.places import Places
from deploy.local.preflight import check_java, install_tools, missing_tools
from deploy.local.tree import DebianTree


def build(places: Places, announce: Callable[[str], None] = lambda line: None) -> list[str]:
    """Install missing tools, then build the tree and fetch the jars at the same time; what is there is kept.

    Args:
        places: where to build.
        announce: told, before it happens, what is installed on the machine itself.

    Returns:
        What had to be built: empty the second time.

    Raises:
        StackError: something could not be had.
    """
    tree, libs = DebianTree(places), KafkaLibs(places)
    install_tools(missing_tools(tree_is_whole=tree.is_whole(), libs_are_whole=libs.is_whole()), announce)
    check_java()
    with ThreadPoolExecutor(2) as pool:
        building = {"Debian tree": pool.submit(tree.ensure), "Kafka jars": pool.submit(libs.ensure)}
        return [name for name, was_built in building.items() if was_built.result()]
