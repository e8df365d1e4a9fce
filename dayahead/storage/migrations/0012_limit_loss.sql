-- Why: a `maximum` that is too low deletes the peaks of a series. What is rejected by the poller never reaches table
-- observation, so that neither the page nor a backtest could say which series loses how much.
CREATE TABLE limit_loss (
    source_key     integer NOT NULL REFERENCES source,
    series_id      text NOT NULL,
    outside_hours  integer NOT NULL,
    given_hours    integer NOT NULL,
    extreme        double precision NOT NULL,
    updated_at     timestamptz NOT NULL,
    PRIMARY KEY (source_key, series_id)
);
COMMENT ON TABLE limit_loss IS 'Series that lost values to minimum and maximum of their source within a week';
COMMENT ON COLUMN limit_loss.outside_hours IS 'Values beyond the limits among given_hours';
COMMENT ON COLUMN limit_loss.given_hours IS 'Values that the poller saw of the series since the first lost one, at most a week';
COMMENT ON COLUMN limit_loss.extreme IS 'The lost value farthest from 0, in the unit of the source';
