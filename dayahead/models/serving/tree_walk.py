"""Evaluation of trees without a branch: many rows at a time, node by node (QuickScorer).

Number the leaves of a tree from left to right, and give each row one bit a leaf, all set. A node that sends a row to
the right clears the bits of the leaves on its left. When all nodes have spoken, in whatever order, the lowest bit still
set is the leaf that the row ends in. Processors do this for 16 rows in an instruction, and guess no branch wrongly.

Source: Lucchese et al., QuickScorer: a fast algorithm to rank documents with additive ensembles of regression trees,
SIGIR 2015.
"""

import numpy as np
from numpy.typing import NDArray

from dayahead.machine_code import MachineFunction, compiled

WORD_BITS = 32
"""Leaves of a word; larger trees have several."""

ALL_SET = 0xFFFF_FFFF

HASH = 0x077C_B531
"""A De Bruijn sequence: times a single bit, its five upper bits tell which one."""

BLOCK_ROWS = 384
"""Rows of one pass over the trees: their bits and the features that a tree asks for stay next to the processor."""

TABLE_TYPES = (np.int64, np.int64, np.int64, np.float32, np.uint32, np.float64)

ADD_TREES = MachineFunction("add_trees", (int, int, np.float32, int, *TABLE_TYPES, np.uint32, np.int64, np.float64))


def slot_of(leaf: int) -> int:
    """Where the value of a leaf (0 to 31 within its word) is kept."""
    return ((1 << leaf) * HASH & ALL_SET) >> (WORD_BITS - 5)


@compiled
def add_trees(
    columns: NDArray[np.float32],
    start: int,
    last_words: NDArray[np.int64],
    first_nodes: NDArray[np.int64],
    feature: NDArray[np.int64],
    threshold: NDArray[np.float32],
    kept: NDArray[np.uint32],
    values: NDArray[np.float64],
    bits: NDArray[np.uint32],
    slots: NDArray[np.int64],
    answers: NDArray[np.float64],
) -> None:
    """Answers of all trees for a block of rows, added up tree by tree, as LightGBM does.

    Args:
        columns: float32 [features, all rows].
        start: the first row of the block.
        last_words: int64 [trees + 1], the word after the last one of each tree; the words of a tree lie together.
        first_nodes: int64 [words + 1], the first node of each word.
        feature: int64 [nodes], that a node asks for.
        threshold: float32 [nodes]; a row with more is sent to the right.
        kept: uint32 [nodes], the bits that stay when it is.
        values: float64 [words x 32], of the leaves, by `slot_of`.
        bits: uint32 [block], room to work in.
        slots: int64 [block], room to work in.
        answers: float64 [block], written.
    """
    rows = len(answers)
    for row in range(rows):
        answers[row] = 0.0
    for tree in range(len(last_words) - 1):
        for word in range(last_words[tree + 1] - 1, last_words[tree] - 1, -1):
            for row in range(rows):
                bits[row] = ALL_SET
            for node in range(first_nodes[word], first_nodes[word + 1]):
                column = columns[feature[node], start : start + rows]
                if threshold[node] < 0:
                    _clear_unless_at_most(column, threshold[node], kept[node], bits)
                else:
                    _clear_where_more(column, threshold[node], kept[node], bits)
            _find_slots(bits, word * WORD_BITS, slots)
        for row in range(rows):
            answers[row] += values[slots[row]]


@compiled
def _clear_where_more(
    column: NDArray[np.float32], threshold: np.float32, kept: np.uint32, bits: NDArray[np.uint32]
) -> None:
    for row in range(len(bits)):
        bits[row] &= kept if column[row] > threshold else ALL_SET


@compiled
def _clear_unless_at_most(
    column: NDArray[np.float32], threshold: np.float32, kept: np.uint32, bits: NDArray[np.uint32]
) -> None:
    """The same, but for a missing value: as in LightGBM it counts as 0, which is more than a threshold below 0."""
    for row in range(len(bits)):
        bits[row] &= ALL_SET if column[row] <= threshold else kept


@compiled
def _find_slots(bits: NDArray[np.uint32], first_slot: int, slots: NDArray[np.int64]) -> None:
    """The slots of the rows that have a leaf in this word; the words of a tree are gone through from the last one."""
    for row in range(len(bits)):
        left = int(bits[row])
        if left != 0:
            slots[row] = first_slot + (((left & -left) * HASH & ALL_SET) >> (WORD_BITS - 5))
