from random import Random

from hypothesis import given
from hypothesis import strategies as st

from dayahead.contracts import MAX_ROWS_PER_MESSAGE, ObservationBatch
from dayahead.hours import from_hour
from dayahead.packing import batch_bytes, pack
from dayahead.reading.records import Row
from dayahead.series import partition_of
from tests.ingest.building import FIRST, NOW

rows_of_many = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 700)), max_size=12, unique_by=lambda pair: pair[0]
).map(
    lambda series: [
        Row(f"DK1/{number:03d}", FIRST + hour, float(hour)) for number, hours in series for hour in range(hours)
    ]
)


@given(rows_of_many, st.integers(1, 9), st.randoms())
def test_every_row_is_packed_once_for_its_own_partition_in_any_order(
    rows: list[Row], partitions: int, random: Random
) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    packed = list(pack(shuffled, partitions))
    assert sorted(row for message in packed for row in message.rows) == sorted(rows)
    for message in packed:
        assert 1 <= len(message.rows) <= MAX_ROWS_PER_MESSAGE
        assert {partition_of(row.series_id, partitions) for row in message.rows} == {message.partition}
    assert packed == list(pack(rows, partitions))


@given(rows_of_many, st.integers(1, 9))
def test_the_hours_of_a_series_stay_in_one_message_unless_they_fill_more_than_one(
    rows: list[Row], partitions: int
) -> None:
    messages: dict[str, int] = {}
    for message in pack(rows, partitions):
        for series_id in {row.series_id for row in message.rows}:
            messages[series_id] = messages.get(series_id, 0) + 1
    hours = {series_id: sum(row.series_id == series_id for row in rows) for series_id in messages}
    assert all(hours[s] > MAX_ROWS_PER_MESSAGE for s, count in messages.items() if count > 1)


def test_the_bytes_are_those_of_the_contract() -> None:
    rows = [Row("DK1/111", FIRST, 1.0), Row("DK1/111", FIRST + 1, 2.5)]
    batch = ObservationBatch.model_validate_json(batch_bytes(rows, "test-source", NOW, refresh=False))
    assert batch == ObservationBatch(
        source="test-source",
        available_at=NOW,
        refresh=False,
        rows=[(row.series_id, from_hour(row.hour), row.value) for row in rows],
    )
