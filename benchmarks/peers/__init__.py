"""Forecasting libraries that ours is measured beside, used as a competent user of each would."""
