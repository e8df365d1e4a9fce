"""After the commit: forecasts go to Redis, then to Kafka, with the same bytes."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dayahead.storage.forecast_rows import ForecastRows
from dayahead.storage.forecasts import forecasts_bytes
from dayahead.storage.sources import RegisteredSeries
from dayahead.storage.worker_offsets import Claim
from stream.kafka_output import KafkaOutput, Outgoing
from stream.metrics import stage
from stream.probe import Probe, Step
from stream.redis_mirror import Memory, RedisMirror


class Publisher:
    """Sends forecasts out. What it sends is made from the rows alone, so that it can be made again from the tables."""

    def __init__(self, mirror: RedisMirror, output: KafkaOutput, topic: str) -> None:
        self._mirror = mirror
        self._output = output
        self._topic = topic

    def publish(self, claim: Claim, series: Mapping[int, RegisteredSeries], rows: ForecastRows, probe: Probe) -> Memory:
        """Send forecasts to Redis (each series' newest), then to Kafka (all), and wait until both have them.

        Args:
            claim: on the partition that all the series belong to.
            series: by series_key.
            rows: the forecasts.
            probe: told when Redis has them, and when Kafka has.

        Returns:
            Whether Redis remembered the partition.

        Raises:
            FencedError: another worker has taken the partition over.
        """
        with stage("encode"):
            ids = [series[key].series_id for key in rows.series_key.tolist()]
            values = message_values(series, rows)
        with stage("redis"):
            memory = self._to_redis(claim, ids, values, _newest_of_each(rows))
        probe.reached(Step.REDIS)
        with stage("kafka"):
            self._output.deliver(
                [
                    Outgoing(self._topic, value, key=series_id.encode(), partition=claim.partition)
                    for series_id, value in zip(ids, values, strict=True)
                ]
            )
        probe.reached(Step.KAFKA)
        return memory

    def mirror(self, claim: Claim, series: Mapping[int, RegisteredSeries], rows: ForecastRows) -> Memory:
        """Send forecasts to Redis alone: it is new, or was emptied; without rows it only learns of the claim."""
        ids = [series[key].series_id for key in rows.series_key.tolist()]
        return self._to_redis(claim, ids, message_values(series, rows), _newest_of_each(rows))

    def _to_redis(self, claim: Claim, ids: list[str], values: list[bytes], newest: NDArray[np.int64]) -> Memory:
        pairs = [(ids[place], values[place]) for place in newest.tolist()]
        return self._mirror.write(claim.topic, claim.partition, claim.number, pairs)


def message_values(series: Mapping[int, RegisteredSeries], rows: ForecastRows) -> list[bytes]:
    """The bytes of each forecast."""
    of_rows = [series[key] for key in rows.series_key.tolist()]
    return forecasts_bytes([one.series_id for one in of_rows], [one.unit for one in of_rows], rows)


def _newest_of_each(rows: ForecastRows) -> NDArray[np.int64]:
    """Places of the newest origin of each series."""
    order = np.lexsort([rows.origin, rows.series_key])
    keys = rows.series_key[order]
    last = np.ones(len(keys), np.bool_)
    last[:-1] = keys[1:] != keys[:-1]
    return order[last]
