"""Made-up rows of a report."""

import numpy as np

from dayahead.features.snapshot import SNAPSHOT_NAMES
from trainer.reports.rows import ReportRows


def report_rows(count: int = 600, area: str = "DK1", factor: float = 1.0) -> ReportRows:
    """Rows of two areas, half of them current, of one of which the current values are multiplied.

    Args:
        count: of rows.
        area: the area whose current values are multiplied; the other one is DK2.
        factor: to multiply by.
    """
    draw = np.random.default_rng(1)
    is_current = np.arange(count) >= count // 2
    areas = np.where(np.arange(count) % 2 == 0, area, "DK2")
    by = np.where(is_current & (areas == area), factor, 1.0)
    actual = by * (1 + 0.3 * draw.normal(size=count))
    return ReportRows.scaled(
        (460_000, 460_672, 460_840),
        areas,
        is_current,
        (by[:, None] * (1 + 0.3 * draw.normal(size=(count, len(SNAPSHOT_NAMES))))).astype(np.float32),
        actual,
        np.where(is_current, actual + 0.05 * draw.normal(size=count), np.nan).astype(np.float32),
        np.ones(count),
        is_current,
    )
