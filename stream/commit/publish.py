"""Publishes committed forecasts: to Redis without waiting, then to Kafka with waiting; the same bytes to both."""

import numpy as np
from numpy.typing import NDArray

from dayahead.storage.forecasts import message_values
from dayahead.storage.tables.forecast import ForecastRows
from dayahead.tracing import spans
from stream.commit.redis_following import RedisFollower
from stream.partition.held import HeldPartition
from stream.partition.metrics import stage
from stream.servers.kafka_output import KafkaOutput, Outgoing
from stream.servers.probe import Probe, Step


class Publisher:
    """Publishes forecasts. The messages depend on the rows only, so that they can be rebuilt from the tables.

    With traces their headers name the span that sends them, which may be another one at a repetition.
    """

    def __init__(self, follower: RedisFollower, output: KafkaOutput, topic: str) -> None:
        self._follower = follower
        self._output = output
        self._topic = topic

    def publish(self, held: HeldPartition, rows: ForecastRows, probe: Probe) -> None:
        """Send forecasts to Redis (each series' newest), then to Kafka (all), and wait until Kafka has them.

        Args:
            held: the partition that all the series belong to.
            rows: the forecasts, among them all of the last checkpoint.
            probe: notified when Redis has them or is unreachable, and when Kafka has them.

        Raises:
            FencedError: another worker has taken the partition over.
        """
        with stage("encode"):
            series = held.state.by_key
            ids = [series[key].series_id for key in rows.series_key.tolist()]
            values = message_values(series, rows)
        with stage("redis"):
            self._follower.follow(held, [(ids[place], values[place]) for place in _newest_of_each(rows).tolist()])
        probe.reached(Step.REDIS)
        with stage("kafka"):
            headers = list(spans.headers()) or None
            self._output.deliver(
                [
                    Outgoing(self._topic, value, series_id.encode(), held.claim.partition, headers)
                    for series_id, value in zip(ids, values, strict=True)
                ]
            )
        probe.reached(Step.KAFKA)


def _newest_of_each(rows: ForecastRows) -> NDArray[np.int64]:
    """Find the newest origin of each series: indices of rows."""
    order = np.lexsort([rows.origin, rows.series_key])
    keys = rows.series_key[order]
    last = np.ones(len(keys), np.bool_)
    last[:-1] = keys[1:] != keys[:-1]
    return order[last]
