-- Any quantile follows from p10, p50, p90 and the shape of the release's errors: the API reads it without the artifact.
CREATE TABLE release_shape (
    release text PRIMARY KEY REFERENCES model_release (release),
    shape   real[] NOT NULL
);
COMMENT ON TABLE release_shape IS 'By day of the horizon, lead of the day (1 to 24) and level (dayahead/quantiles.py): where quantiles lie when p10, p50 and p90 are at -1, 0 and 1; releases of versions before 0.3 have none';
