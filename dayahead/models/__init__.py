"""The model: `serving` forecasts with a release, `fitting` makes one.

The worker imports `serving` alone. `settings` travels in a release; `history` is what a fit and a backtest read.
"""
