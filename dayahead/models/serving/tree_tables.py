"""LightGBM's model text as the arrays that its evaluation walks through (dayahead/models/serving/tree_walk.py)."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dayahead.models.serving.tree_walk import ADD_TREES, ALL_SET, BLOCK_ROWS, WORD_BITS, slot_of

PLAIN_DECISION = {"0", "2"}
"""A number against a threshold; missing is 0. (The 2 would send missing values to the left where they were not 0.)"""

NEXT_TO_ZERO = np.float32(1e-35)
"""LightGBM's kZeroThreshold (include/LightGBM/meta.h)."""


@dataclass(frozen=True)
class TreeTables:
    """Trees as arrays.

    Attributes:
        last_words: int64 [trees + 1], the word after the last one of each tree.
        first_nodes: int64 [words + 1], the first node of each word; a node that clears leaves of two is in both.
        feature: int64 [nodes], that a node asks for.
        threshold: float32 [nodes]; a row with more is sent to the right.
        kept: uint32 [nodes], the bits that stay when it is.
        values: float64 [words x 32], of the leaves, by `slot_of`.
    """

    last_words: NDArray[np.int64]
    first_nodes: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float32]
    kept: NDArray[np.uint32]
    values: NDArray[np.float64]

    @classmethod
    def read(cls, text: str) -> "TreeTables":
        """Tables of a model's text.

        Raises:
            ValueError: there is more in the text than numbers compared with thresholds, and constants at the leaves.
        """
        last_words, first_nodes = [0], [0]
        feature: list[int] = []
        threshold: list[np.float32] = []
        kept: list[int] = []
        values: list[NDArray[np.float64]] = []
        for tree in _trees(text):
            leaves, on_left = tree.leaves_in_order()
            for first in range(0, len(leaves), WORD_BITS):
                for node, (begin, end) in enumerate(on_left):
                    mask = _bits(begin - first, end - first)
                    if mask:
                        feature.append(tree.feature[node])
                        threshold.append(_at_most(tree.threshold[node]))
                        kept.append(ALL_SET & ~mask)
                first_nodes.append(len(feature))
                table = np.zeros(WORD_BITS)
                for place, leaf in enumerate(leaves[first : first + WORD_BITS]):
                    table[slot_of(place)] = tree.value[leaf]
                values.append(table)
            last_words.append(len(values))
        return cls(
            np.array(last_words, np.int64),
            np.array(first_nodes, np.int64),
            np.array(feature, np.int64),
            np.array(threshold, np.float32),
            np.array(kept, np.uint32),
            np.concatenate([*values, np.zeros(0)]),
        )

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Answers of float32 [n, features] rows, each by itself; float64 [n].

        Fastest on the transpose of an array whose rows are the features: then nothing is copied.
        """
        columns = np.ascontiguousarray(features.T)
        answers = np.empty(columns.shape[1])
        bits, slots = np.empty(BLOCK_ROWS, np.uint32), np.empty(BLOCK_ROWS, np.int64)
        ADD_TREES(
            columns.shape[1],
            columns.shape[0],
            columns,
            len(self.last_words) - 1,
            self.last_words,
            self.first_nodes,
            self.feature,
            self.threshold,
            self.kept,
            self.values,
            bits,
            slots,
            answers,
        )
        return answers


@dataclass
class _Tree:
    """One tree as LightGBM writes it: a child >= 0 is a node, another one ~leaf."""

    feature: list[int] = field(default_factory=list)
    threshold: list[float] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)

    def leaves_in_order(self) -> tuple[list[int], list[tuple[int, int]]]:
        """The leaves from left to right, and for each node the range of them that lies on its left."""
        leaves: list[int] = []
        on_left = [(0, 0)] * len(self.feature)
        # What is to be visited: a child, or a node whose left side is done, with the place where that begins.
        waiting: list[tuple[int, int | None]] = [(0 if self.feature else ~0, None)]
        while waiting:
            child, begin = waiting.pop()
            if child < 0:
                leaves.append(~child)
            elif begin is None:
                waiting += [(child, len(leaves)), (self.left[child], None)]
            else:
                on_left[child] = (begin, len(leaves))
                waiting.append((self.right[child], None))
        return leaves, on_left


def _trees(text: str) -> Iterator[_Tree]:
    _, *parts = text.partition("end of trees")[0].split("\nTree=")
    for part in parts:
        lines = dict(line.split("=", 1) for line in part.splitlines() if "=" in line)
        if lines.get("is_linear", "0") != "0" or lines.get("num_cat", "0") != "0":
            raise ValueError("a tree has linear leaves or categories")
        if not set(lines.get("decision_type", "").split()) <= PLAIN_DECISION:
            raise ValueError(f"a tree decides otherwise than by a threshold: {lines['decision_type']}")
        yield _Tree(
            feature=[int(one) for one in lines.get("split_feature", "").split()],
            threshold=[float(one) for one in lines.get("threshold", "").split()],
            left=[int(one) for one in lines.get("left_child", "").split()],
            right=[int(one) for one in lines.get("right_child", "").split()],
            value=[float(one) for one in lines["leaf_value"].split()],
        )


def _bits(begin: int, end: int) -> int:
    """The bits of the leaves from begin to end (exclusive) that lie in a word."""
    begin, end = max(begin, 0), min(end, WORD_BITS)
    return ((1 << end) - 1) & ~((1 << begin) - 1) if end > begin else 0


def _at_most(threshold: float) -> np.float32:
    """The largest float32 that LightGBM sends to the left: features are float32, and compare alike with both.

    LightGBM reads what is no farther from 0 than NEXT_TO_ZERO as 0, and has many thresholds just there.
    """
    if abs(threshold) <= float(NEXT_TO_ZERO):
        return NEXT_TO_ZERO if threshold >= 0 else np.nextafter(-NEXT_TO_ZERO, np.float32(-np.inf))
    nearest = np.float32(threshold)
    return nearest if float(nearest) <= threshold else np.nextafter(nearest, np.float32(-np.inf))
