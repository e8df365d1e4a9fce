"""The accuracy ratios of dayahead/evaluation/metrics.py as SQL."""

from collections.abc import Callable

from dayahead.evaluation.metrics import BETTER_NAIVE, NAIVES, RATIOS


def ratio_sql(name: str, added_up: Callable[[str], str] = "sum({})".format) -> str:
    """Write a figure of `figures_of` as SQL over rows of scores; NULL where it is not defined.

    Args:
        name: of RATIOS, or `skill`.
        added_up: the SQL that adds up a column of the rows.
    """
    if name == "skill":
        return f"1 - {ratio_sql('mase', added_up)}"
    better = f"least({', '.join(map(added_up, NAIVES))})"
    part, whole = (better if term == BETTER_NAIVE else added_up(term) for term in RATIOS[name])
    return f"{part}::double precision / nullif({whole}, 0)"
