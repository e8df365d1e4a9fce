-- What was issued stays issued: a forecast of the same origin that replaces another one leaves it here, so that a read
-- as_of a past moment finds what was served then.
CREATE TABLE forecast_superseded (LIKE forecast INCLUDING CONSTRAINTS);
ALTER TABLE forecast_superseded ADD PRIMARY KEY (series_key, origin, issued_at);
COMMENT ON TABLE forecast_superseded IS 'Forecasts that a later one of the same series and origin replaced in forecast, as they were';
SELECT create_hypertable('forecast_superseded', by_range('origin', INTERVAL '28 days'), create_default_indexes => false);
