-- Forecasts that others make of the same hours, such as those of grid operators: every version with the moment at which
-- it was published, so that they can be compared with ours as of the same moment. A series is named by its text, not by
-- its key in table series: an operator may forecast it before it is observed for the first time.
CREATE TABLE reference_series (
    reference_key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_key    integer NOT NULL REFERENCES source,
    series_id     text NOT NULL,
    first_seen    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (source_key, series_id)
);
COMMENT ON TABLE reference_series IS 'A series as a reference source (forecast_of) forecasts it';
COMMENT ON COLUMN reference_series.source_key IS 'The reference source; the series belongs to the source that its forecast_of names';
CREATE INDEX reference_series_series_id ON reference_series (series_id);

CREATE TABLE reference_forecast (
    reference_key integer NOT NULL REFERENCES reference_series,
    valid_time    timestamptz NOT NULL,
    available_at  timestamptz NOT NULL,
    value         double precision NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (reference_key, valid_time, available_at)
);
COMMENT ON TABLE reference_forecast IS 'Forecasts of others, every version of an hour; known at a moment is the one with the greatest available_at up to it';
COMMENT ON COLUMN reference_forecast.available_at IS 'When it was published, as the publisher says, else when it was received';
CREATE INDEX reference_forecast_recorded_at ON reference_forecast
    USING brin (recorded_at) WITH (pages_per_range = 32, autosummarize = on);

CREATE VIEW reference_of_series AS
    SELECT series.series_key, series.series_id, series.area, series.unit, reference_series.reference_key,
           reference.source_key AS reference_source_key, reference.name AS reference,
           reference.definition ->> 'title' AS title, observed.source_key
    FROM reference_series
    JOIN source AS reference USING (source_key)
    JOIN source AS observed ON observed.name = reference.definition ->> 'forecast_of'
    JOIN series ON series.series_id = reference_series.series_id AND series.source_key = observed.source_key
    WHERE reference.removed_at IS NULL AND series.unit = reference.definition ->> 'unit';
COMMENT ON VIEW reference_of_series IS 'The references of each observed series, of the sources that are not removed';

CREATE VIEW reference_forecast_point AS
    SELECT matched.series_id, matched.area, matched.unit, matched.reference, matched.title, version.valid_time,
           version.available_at, version.value
    FROM reference_of_series AS matched JOIN reference_forecast AS version USING (reference_key);
COMMENT ON VIEW reference_forecast_point IS 'Every version of every reference forecast of observed series';
