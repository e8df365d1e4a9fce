"""From a history to a release; `fit` reads as the list of its stages, each in a file that calls only those after it.

In the order of `fit`: `examples` finds the origins to learn from, `linear` fits the pooled ridge, `tree_table` draws
the rows for the trees, `correction` fits the trees that correct the ridge, `bands` fits the quantiles.
"""
