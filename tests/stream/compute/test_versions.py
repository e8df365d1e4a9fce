"""The current version of an hour is the greatest (available_at, value), also within one batch."""

import numpy as np
import pytest

from dayahead.storage.tables.observation import CurrentVersions
from stream.compute.versions import Cells, Decided, decide
from tests.stream.memory_tables import rows_of


def compete(versions: list[tuple[int, float]], known: tuple[float, int, int] | None = None) -> Decided:
    """Versions (available, value) of one hour, one message each, against what the database has."""
    rows = rows_of([(available, True, [(0, 500, value)]) for available, value in versions])
    cells = Cells.of(rows)
    before = CurrentVersions.unknown(1)
    if known:
        before.value[0], before.available_us[0], before.confirmed_us[0] = known
    return decide(rows, cells, before)


def current(decided: Decided) -> tuple[float, int, int]:
    now = decided.current
    return float(now.value[0]), int(now.available_us[0]), int(now.confirmed_us[0])


def lost(decided: Decided) -> list[tuple[int, float]]:
    return sorted(zip(decided.superseded.available_us.tolist(), decided.superseded.value.tolist(), strict=True))


@pytest.mark.parametrize(
    ("known", "versions", "now", "revisions"),
    [
        (None, [(10, 5.0)], (5.0, 10, 10), []),
        (None, [(10, 5.0), (10, 5.0)], (5.0, 10, 10), []),
        ((5.0, 10, 10), [(20, 7.0)], (7.0, 20, 20), [(10, 5.0)]),
        ((7.0, 20, 20), [(10, 5.0)], (7.0, 20, 20), [(10, 5.0)]),
        ((5.0, 10, 10), [(10, 7.0)], (7.0, 10, 10), [(10, 5.0)]),
        ((7.0, 10, 10), [(10, 5.0)], (7.0, 10, 10), [(10, 5.0)]),
        # the same value again: no new version, but an older one is measured against its last moment
        ((5.0, 10, 10), [(30, 5.0)], (5.0, 10, 30), []),
        ((5.0, 10, 30), [(20, 7.0)], (5.0, 30, 30), [(10, 5.0), (20, 7.0)]),
        (None, [(10, 5.0), (20, 7.0), (30, 5.0)], (5.0, 30, 30), [(10, 5.0), (20, 7.0)]),
        ((5.0, 10, 10), [(5, 5.0)], (5.0, 10, 10), [(5, 5.0)]),
    ],
)
def test_versions_compete(
    known: tuple[float, int, int] | None,
    versions: list[tuple[int, float]],
    now: tuple[float, int, int],
    revisions: list[tuple[int, float]],
) -> None:
    decided = compete(versions, known)
    assert current(decided) == now
    assert lost(decided) == revisions
    assert decided.touched[0] == (known != now)


def test_only_another_current_value_changes_a_window() -> None:
    decided = compete([(10, 5.0), (9, 4.0), (20, 5.0), (21, 6.0)])
    assert decided.changed.tolist() == [True, False, False, True]
    assert decided.revised.tolist() == [False, True, False, True]


def test_cells_do_not_touch_each_other() -> None:
    rows = rows_of([(10, True, [(0, -5, 1.0), (1, -5, 2.0), (0, 7, 3.0)]), (11, True, [(0, -5, 4.0)])])
    cells = Cells.of(rows)
    decided = decide(rows, cells, CurrentVersions.unknown(len(cells)))
    found = zip(cells.series.tolist(), cells.hour.tolist(), decided.current.value.tolist(), strict=True)
    assert sorted(found) == [(0, -5, 4.0), (0, 7, 3.0), (1, -5, 2.0)]
    assert np.array_equal(decided.changed, [True, True, True, True])
