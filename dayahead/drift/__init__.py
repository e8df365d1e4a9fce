"""Drift of series: the days that it is judged by."""
