import pytest
from confluent_kafka import Producer
from hypothesis import given
from hypothesis import strategies as st

from dayahead.errors import ContractError, DeadLetterCode
from dayahead.series import (
    canonical_series_id,
    check_canonical,
    check_series_id,
    in_order,
    labels_of,
    partition_of,
    series_id_of,
)
from tests.conftest import TopicRoom

labels = st.lists(
    st.text(min_size=1, max_size=12).filter(lambda text: text.isprintable() and text.strip() != ""),
    min_size=1,
    max_size=3,
)


@given(labels)
def test_labels_round_trip_whatever_they_contain(values: list[str]) -> None:
    names = [f"label{number}" for number in range(len(values))]
    assert list(labels_of(series_id_of(values), names).values()) == values


def test_the_id_of_a_plain_series_reads_as_people_write_it() -> None:
    assert series_id_of(["DK1", "111"]) == "DK1/111"
    assert series_id_of(["a/b", "æ %"]) == "a%2Fb/%C3%A6 %25"


@given(labels)
def test_an_id_of_labels_is_canonical_and_so_is_what_is_made_of_any_text(values: list[str]) -> None:
    series_id = series_id_of(values)
    assert canonical_series_id(series_id) == series_id
    check_canonical(series_id)
    sent = canonical_series_id("/".join(values))
    assert canonical_series_id(sent) == sent


@pytest.mark.parametrize(
    "sent", ["København/Elvarme (ny)", "K%C3%B8benhavn/Elvarme%20%28ny%29", "K%c3%b8benhavn/Elvarme (ny)"]
)
def test_an_id_that_is_sent_is_the_one_that_a_file_gives_however_it_is_encoded(sent: str) -> None:
    of_file = series_id_of(["København", "Elvarme (ny)"])
    assert canonical_series_id(sent) == of_file
    if sent != of_file:
        with pytest.raises(ContractError, match=f"send {of_file!r}"):
            check_canonical(sent)


BLANK = ["", "DK1/", "/111", "DK1//111", "DK1/ ", "DK1/%20", "DK1/%C2%A0"]


@pytest.mark.parametrize("series_id", [*BLANK, "DK1/\n", "x" * 201])
def test_what_cannot_be_a_series_is_refused(series_id: str) -> None:
    with pytest.raises(ContractError) as refusal:
        check_series_id(series_id)
    assert refusal.value.code is DeadLetterCode.BAD_SERIES_ID


def test_another_number_of_labels_than_declared_is_refused() -> None:
    with pytest.raises(ContractError, match="2 labels, its source declares 1: area"):
        labels_of("DK1/111", ["area"])


def test_labels_are_sorted_as_their_source_names_them() -> None:
    kept = {"group": "511.2", "region": "Oslo", "retired": "x"}  # shortest name first, as jsonb answers
    assert list(in_order(kept, ["region", "added", "group"])) == ["region", "group", "retired"]


# Partitions that Kafka's own Java client gives for these keys (org.apache.kafka.common.utils.Utils.murmur2).
@pytest.mark.parametrize(
    ("key", "murmur2"), [("21", -973932308), ("foobar", -790332482), ("a-little-bit-long-string", -985981536)]
)
def test_the_partition_is_the_one_of_kafkas_default_partitioner(key: str, murmur2: int) -> None:
    assert partition_of(key, 1000) == (murmur2 & 0x7FFFFFFF) % 1000


@pytest.mark.servers
def test_confluent_kafka_needs_the_documented_partitioner(topics: TopicRoom) -> None:
    topics.create(partitions=4)
    keys = [f"DK1/{number}" for number in range(20)]
    found: dict[str, dict[str, int]] = {}
    for name, more in (("default", {}), ("documented", {"partitioner": "murmur2_random"})):
        producer = Producer({"bootstrap.servers": topics.bootstrap, **more})
        placed = found[name] = {}
        for key in keys:
            producer.produce(
                topics.name("observations"),
                b"{}",
                key,
                on_delivery=lambda _, message, placed=placed: placed.update(
                    {message.key().decode(): message.partition()}
                ),
            )
        assert producer.flush(30) == 0
    expected = {key: partition_of(key, 4) for key in keys}
    assert found["documented"] == expected
    assert found["default"] != expected
