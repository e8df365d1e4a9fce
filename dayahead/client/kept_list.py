"""A list of many series that a program keeps, and asks for by what has changed."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from dayahead.client.answers import AccuracyReport, SeriesAccuracy, SeriesItem, SeriesList, Stretch
from dayahead.client.query import Query
from dayahead.client.sending import next_page

P = TypeVar("P", SeriesList, AccuracyReport)
E = TypeVar("E", SeriesItem, SeriesAccuracy)


class KeptList(Generic[P, E]):
    """The entries of a list, in the order of their ids; empty until a client has renewed it.

    Attributes:
        entries: those of all pages; the same list while nothing has changed.
        page: the newest answer to the first page, whose other fields are of the whole list; None before the first.
    """

    def __init__(self, query: Query[P], entries_of: Callable[[P], list[E]]) -> None:
        self.entries: list[E] = []
        self.page: P | None = None
        self._query: Query[P] = query
        self._entries_of: Callable[[P], list[E]] = entries_of
        self._versions: list[str] = []

    def next_query(self, answered: Sequence[P]) -> Query[P] | None:
        """Return what to ask next; None where all pages have been answered.

        Args:
            answered: the pages of this round.
        """
        query = next_page(self._query, answered[-1]) if answered else self._query
        if query is None or len(answered) >= len(self._versions):
            return query
        return query.with_parameter("since", self._versions[len(answered)])

    def take(self, answered: Sequence[P]) -> None:
        """Apply the answers to all pages of one round."""
        stretches = [one for page in answered for one in page.replaced]
        if stretches:
            self.entries = merged(self.entries, stretches, [one for page in answered for one in self._entries_of(page)])
        self.page, self._versions = answered[0], [page.version for page in answered]


def kept_series(query: Query[SeriesList]) -> KeptList[SeriesList, SeriesItem]:
    """Keep the answer to `queries.series(…)`."""
    return KeptList(query, lambda page: page.series)


def kept_accuracy(query: Query[AccuracyReport]) -> KeptList[AccuracyReport, SeriesAccuracy]:
    """Keep the answer to `queries.accuracy(…)`."""
    return KeptList(query, lambda page: page.series)


def merged(held: list[E], stretches: Sequence[Stretch], answered: list[E]) -> list[E]:
    """Replace the entries in stretches of the ids.

    Args:
        held: in the order of their ids.
        stretches: in the same order.
        answered: the present entries in these stretches.
    """
    found = list[E]()
    at, taken = 0, 0
    for stretch in stretches:
        start = 0 if stretch.after is None else _place_after(held, stretch.after)
        found += held[at:start]
        at = len(held) if stretch.up_to is None else _place_after(held, stretch.up_to)
        end = len(answered) if stretch.up_to is None else _place_after(answered, stretch.up_to)
        found += answered[taken:end]
        taken = end
    return found + held[at:]


def _place_after(entries: list[E], series_id: str) -> int:
    return bisect_right(entries, series_id, key=lambda one: one.series_id)
