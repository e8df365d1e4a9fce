"""Forecasting libraries that ours is compared with, used as a competent user of each would."""
