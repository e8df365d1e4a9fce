"""Builds what every stack needs: the Debian tree, the Kafka jars, and the tools that make them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from deploy.local.builders import Builders
from deploy.local.kafka_libs import KafkaLibs, fetch_with_maven
from deploy.local.places import Places
from deploy.local.preflight import check_java, install_tools, missing_tools
from deploy.local.tree import DebianTree, build_with_mmdebstrap


def build(places: Places, announce: Callable[[str], None] = lambda line: None) -> list[str]:
    """Install missing tools, then build the tree and fetch the jars in parallel, unless already there.

    If one of the two fails, or this process is interrupted, both are stopped before this returns.

    Args:
        places: folders to build in.
        announce: called before anything is installed on the machine itself.

    Returns:
        Names of what was built; empty the second time.

    Raises:
        StackError: something could not be installed, fetched or built.
    """
    builders = Builders()
    tree = DebianTree(places, partial(build_with_mmdebstrap, builders=builders))
    libs = KafkaLibs(places, partial(fetch_with_maven, builders=builders))
    install_tools(missing_tools(tree_is_whole=tree.is_whole(), libs_are_whole=libs.is_whole()), announce)
    check_java()
    with ThreadPoolExecutor(2) as pool:
        building = {"Debian tree": pool.submit(tree.ensure), "Kafka jars": pool.submit(libs.ensure)}
        try:
            return [name for name, was_built in building.items() if was_built.result()]
        except BaseException:  # the next run must not find a builder of this one
            builders.end()
            raise
