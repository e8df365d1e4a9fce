"""Reads the weather of a series as its partition of `observations` knew it before a message."""

import numpy as np
import psycopg

from dayahead.hours import Hour
from dayahead.models.serving.window import WINDOW_HOURS, WindowWeather
from dayahead.storage.place_weather import Place
from dayahead.storage.tables.weather_arrival import read_arrived
from dayahead.weather.place_window import place_window
from dayahead.weather.timeline import Timeline


def read_weather_before(
    connection: psycopg.Connection,
    topic: str,
    partition: int,
    before: int | None,
    place: Place | None,
    origin: Hour,
    leads: int,
) -> WindowWeather:
    """Read the weather of one series, bit for bit as a worker has it that takes the partition in up to a message.

    Args:
        connection: an open connection.
        topic: full name of the topic of observations.
        partition: of the series.
        before: offset of the message; None for all that has arrived.
        place: that the series follows; None for a series without weather of a source that names some.
        origin: last hour of the window.
        leads: hours after the origin.
    """
    if place is None:
        hours = WINDOW_HOURS + leads
        return WindowWeather(np.empty((0, hours), np.float32), np.array([-1], np.int64), np.empty(0, np.bool_))
    source, weights = place
    timelines = {location: Timeline() for location, _ in weights}
    for run in read_arrived(connection, topic, partition, before=before, source=source, locations=list(timelines)):
        timelines[run.values.location].add(run.values)
    temperature, stale = place_window([(weight, timelines[location]) for location, weight in weights], origin, leads)
    return WindowWeather(temperature[None], np.zeros(1, np.int64), np.array([stale]))
