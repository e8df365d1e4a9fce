"""From a release and windows of hours to forecasts.

`forecaster` picks the rung of each series, `engine` runs a release: the linear member (`linear`), then the trees
(`trees`), then the band. `floor` forecasts where no release can.
"""
