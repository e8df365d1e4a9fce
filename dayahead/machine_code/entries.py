"""Where Python enters the machine code: each function loops over series and leaves the rules to where they are read.

Imported by the build alone: it imports Numba.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import carray, types

from dayahead.features.fill import FILL_WINDOWS, fill_holes, take_observed
from dayahead.features.last_week import LAST_WEEK, count_last_week
from dayahead.features.rest import is_at_rest
from dayahead.features.snapshot import SNAPSHOT, SNAPSHOT_NAMES, summarize
from dayahead.features.state import DESCRIBE_WINDOWS, LAG_HOURS, PAST_ORIGINS, clean, scale_window
from dayahead.features.trees import TREE_FEATURES, TREE_TABLE, describe_targets
from dayahead.features.weather import (
    DESCRIBE_PLACES,
    RECENT,
    RESPOND,
    RESPONSE_HOURS,
    SLOPES,
    WEATHER_FEATURES,
    WEATHER_TABLE,
    describe_place,
    describe_weather,
    respond,
)
from dayahead.horizon import DAY_LEADS
from dayahead.machine_code.function import MachineFunction
from dayahead.models.serving.past_errors import PAST_ERRORS, PAST_FORECASTS, judge_past
from dayahead.models.serving.products import PRODUCT, TERMS, add_terms
from dayahead.models.serving.tree_walk import ADD_TREES, BLOCK_ROWS, WORD_BITS, add_trees


class Entry(NamedTuple):
    """A translated function.

    Attributes:
        name: by which it is called.
        native_name: that Numba gave it.
        code: LLVM's text of it and of everything that it calls.
    """

    name: str
    native_name: str
    code: str


COLUMNS = len(TREE_FEATURES)
SNAPSHOT_COLUMNS = len(SNAPSHOT_NAMES)
SLOPE_COUNT, RECENT_COUNT, WEATHER_COLUMNS = len(SLOPES), len(RECENT), len(WEATHER_FEATURES)

ENTRIES: list[Entry] = []


def entry(declared: MachineFunction) -> Callable[[Callable[..., None]], None]:
    """Translate a function whose arguments are as declared: each array a pointer to its first element."""
    kinds = [
        types.int64 if kind is int else types.CPointer(numba.from_dtype(np.dtype(kind))) for kind in declared.arguments
    ]

    def translate(function: Callable[..., Any]) -> None:
        made = numba.cfunc(types.void(*kinds), error_model="numpy")(function)
        ENTRIES.append(Entry(declared.name, made.native_name, made.inspect_llvm()))

    return translate


@entry(FILL_WINDOWS)
def _fill_windows(count, hours, windows, values, observed, first):  # type: ignore[no-untyped-def]
    shape = (count, hours)
    windows, values, observed = carray(windows, shape), carray(values, shape), carray(observed, shape)
    for row in range(count):
        take_observed(windows[row], values[row], observed[row])
        first[row] = fill_holes(values[row], observed[row])


@entry(DESCRIBE_WINDOWS)
def _describe_windows(  # type: ignore[no-untyped-def]
    count, hours, screened, windows, values, observed, set_aside, stuck, first, scale, past_scales, z
):
    shape = (count, hours)
    windows, values, observed = carray(windows, shape), carray(values, shape), carray(observed, shape)
    set_aside, stuck = carray(set_aside, shape), carray(stuck, shape)
    past_scales, z = carray(past_scales, (count, PAST_ORIGINS + 1)), carray(z, (count, LAG_HOURS))
    for row in range(count):
        take_observed(windows[row], values[row], observed[row])
        first[row] = clean(values[row], observed[row], set_aside[row], stuck[row], screened != 0)
        scale[row] = scale_window(values[row], is_at_rest(windows[row]), past_scales[row], z[row])


@entry(LAST_WEEK)
def _last_week(count, hours, observed, set_aside, stuck, first, counts):  # type: ignore[no-untyped-def]
    shape = (count, hours)
    observed, set_aside, stuck = carray(observed, shape), carray(set_aside, shape), carray(stuck, shape)
    first, counts = carray(first, (count,)), carray(counts, (count, 4))
    for row in range(count):
        count_last_week(observed[row], set_aside[row], stuck[row], first[row], counts[row])


@entry(SNAPSHOT)
def _snapshot(count, hours, values, observed, rows):  # type: ignore[no-untyped-def]
    values, observed = carray(values, (count, hours)), carray(observed, (count, hours))
    rows = carray(rows, (count, SNAPSHOT_COLUMNS))
    for row in range(count):
        summarize(values[row], observed[row], rows[row])


@entry(TREE_TABLE)
def _tree_table(count, week_back, clock, z, linear, one_step_errors, day_errors, week_error, table):  # type: ignore[no-untyped-def]
    clock, z = carray(clock, (6, DAY_LEADS)), carray(z, (count, LAG_HOURS))
    linear, day_errors = carray(linear, (count, DAY_LEADS)), carray(day_errors, (count, DAY_LEADS))
    one_step_errors, week_error = carray(one_step_errors, (count, 3)), carray(week_error, (count,))
    table = carray(table, (COLUMNS, count, DAY_LEADS))
    for row in range(count):
        describe_targets(
            week_back, clock, z[row], linear[row], one_step_errors[row], day_errors[row], week_error[row], table[:, row]
        )


@entry(PRODUCT)
def _product(count, inputs, outputs, rows, weights, sums):  # type: ignore[no-untyped-def]
    rows, weights = carray(rows, (count, inputs)), carray(weights, (inputs, outputs))
    sums = carray(sums, (count, outputs))
    for start in range(0, inputs, TERMS):  # for all rows, while the weights are in the processor's cache
        for row in range(count):
            add_terms(rows[row, start : start + TERMS], weights[start : start + TERMS], sums[row])


@entry(PAST_ERRORS)
def _past_errors(  # type: ignore[no-untyped-def]
    count, hours, raw, past_scales, observed, z, constant, growth, offsets, targets, errors
):
    raw, errors = carray(raw, (count, DAY_LEADS + PAST_FORECASTS)), carray(errors, (count, PAST_FORECASTS))
    past_scales, observed = carray(past_scales, (count, PAST_ORIGINS + 1)), carray(observed, (count, hours))
    z = carray(z, (count, LAG_HOURS))
    constant, growth = carray(constant, (PAST_FORECASTS,)), carray(growth, (PAST_FORECASTS,))
    offsets, targets = carray(offsets, (PAST_FORECASTS,)), carray(targets, (PAST_FORECASTS,))
    for row in range(count):
        judge_past(raw[row], past_scales[row], observed[row], z[row], constant, growth, offsets, targets, errors[row])


@entry(DESCRIBE_PLACES)
def _describe_places(  # type: ignore[no-untyped-def]
    count, hours, past, given, prior_slopes, prior_strength, temperature, day_mean, usable, recent, gain, start, room
):
    shape = (count, hours)
    given, temperature, day_mean = carray(given, shape), carray(temperature, shape), carray(day_mean, shape)
    prior_slopes, prior_strength = (
        carray(prior_slopes, (SLOPE_COUNT,)),
        carray(prior_strength, (SLOPE_COUNT, SLOPE_COUNT)),
    )
    usable, recent = carray(usable, (count,)), carray(recent, (count, RECENT_COUNT, SLOPE_COUNT))
    gain, start = carray(gain, (count, SLOPE_COUNT, RESPONSE_HOURS)), carray(start, (count, SLOPE_COUNT))
    room = carray(room, (2, SLOPE_COUNT, SLOPE_COUNT))
    for row in range(count):
        usable[row] = describe_place(
            past,
            given[row],
            prior_slopes,
            prior_strength,
            temperature[row],
            day_mean[row],
            recent[row],
            gain[row],
            start[row],
            room,
        )


@entry(RESPOND)
def _respond(count, places, z, place, gain, start, room, slopes):  # type: ignore[no-untyped-def]
    z, place, slopes = carray(z, (count, LAG_HOURS)), carray(place, (count,)), carray(slopes, (count, SLOPE_COUNT))
    gain, start = carray(gain, (places, SLOPE_COUNT, RESPONSE_HOURS)), carray(start, (places, SLOPE_COUNT))
    room = carray(room, (RESPONSE_HOURS // 2,))
    for row in range(count):
        respond(z[row], gain[place[row]], start[place[row]], room, slopes[row])


@entry(WEATHER_TABLE)
def _weather_table(count, places, place, targets, recent, slopes, table):  # type: ignore[no-untyped-def]
    place, slopes = carray(place, (count,)), carray(slopes, (count, SLOPE_COUNT))
    targets, recent = carray(targets, (places, 3, 2, DAY_LEADS)), carray(recent, (places, RECENT_COUNT, SLOPE_COUNT))
    table = carray(table, (count, DAY_LEADS, WEATHER_COLUMNS))
    for row in range(count):
        describe_weather(targets[place[row]], recent[place[row]], slopes[row], table[row])


@entry(ADD_TREES)
def _add_trees(  # type: ignore[no-untyped-def]
    count,
    features,
    columns,
    trees,
    last_words,
    first_nodes,
    feature,
    threshold,
    kept,
    values,
    bits,
    slots,
    answers,
):
    columns, answers = carray(columns, (features, count)), carray(answers, (count,))
    last_words = carray(last_words, (trees + 1,))
    words = last_words[trees]
    first_nodes = carray(first_nodes, (words + 1,))
    nodes = first_nodes[words]
    feature, threshold, kept = carray(feature, (nodes,)), carray(threshold, (nodes,)), carray(kept, (nodes,))
    values = carray(values, (words * WORD_BITS,))
    bits, slots = carray(bits, (BLOCK_ROWS,)), carray(slots, (BLOCK_ROWS,))
    for start in range(0, count, BLOCK_ROWS):
        rows = min(BLOCK_ROWS, count - start)
        add_trees(
            columns,
            start,
            last_words,
            first_nodes,
            feature,
            threshold,
            kept,
            values,
            bits[:rows],
            slots[:rows],
            answers[start : start + rows],
        )
