from pathlib import Path

import pytest

from deploy.local.kafka_libs import KafkaLibs
from deploy.local.places import Places
from deploy.local.tree import DebianTree


class Builder:
    """Writes a tiny tree; can fail half-way."""

    def __init__(self, dies: bool = False) -> None:
        self.dies = dies
        self.calls = 0

    def __call__(self, target: Path) -> None:
        self.calls += 1
        (target / "usr").mkdir(parents=True)
        if self.dies:
            raise KeyboardInterrupt
        (target / "usr" / "postgres").touch()


def test_a_tree_is_built_once(tmp_path: Path) -> None:
    builder = Builder()
    tree = DebianTree(Places(tmp_path), builder)
    assert tree.ensure()
    assert not tree.ensure()
    assert builder.calls == 1
    assert (tree.path / "usr" / "postgres").exists()


def test_an_incomplete_tree_is_rebuilt(tmp_path: Path) -> None:
    places = Places(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        DebianTree(places, Builder(dies=True)).ensure()
    assert not DebianTree(places).is_whole()
    assert DebianTree(places, Builder()).ensure()
    assert (places.tree / "usr" / "postgres").exists()
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["debian"]


def test_a_tree_of_another_recipe_is_replaced_and_the_data_of_the_stacks_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = Places(tmp_path)
    DebianTree(places, Builder()).ensure()
    data = places.stacks / "main" / "postgres" / "PG_VERSION"
    data.parent.mkdir(parents=True)
    data.write_text("17")
    monkeypatch.setattr("deploy.local.tree.PACKAGES", ("another-package",))
    assert DebianTree(places, Builder()).ensure()
    assert data.read_text() == "17"


def test_jars_of_a_killed_fetch_are_fetched_again(tmp_path: Path) -> None:
    places = Places(tmp_path)

    def dies(target: Path) -> None:
        (target / "half.jar").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        KafkaLibs(places, dies).ensure()
    libs = KafkaLibs(places, lambda target: (target / "kafka.jar").touch())
    assert libs.ensure()
    assert not libs.ensure()
    assert sorted(path.name for path in places.kafka_libs.glob("*.jar")) == ["kafka.jar"]
