"""The bytes of forecasts, as Redis, Kafka and the API have them."""

from collections.abc import Mapping

from dayahead.storage.forecast_rows import ForecastRows
from dayahead.storage.forecasts import forecasts_bytes
from dayahead.storage.sources import RegisteredSeries


def message_values(series: Mapping[int, RegisteredSeries], rows: ForecastRows) -> list[bytes]:
    """The bytes of each forecast, made from the row alone, so that they can be made again from the tables.

    Args:
        series: by series_key.
        rows: the forecasts.
    """
    of_rows = [series[key] for key in rows.series_key.tolist()]
    return forecasts_bytes([one.series_id for one in of_rows], [one.unit for one in of_rows], rows)
