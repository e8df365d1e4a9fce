-- Why: a forecast depends on the weather as it was known when it was made. A publication never changes: it is named by a
-- hash of all that it says, so that every partition of the log that brings it, a replay and a backfill store it once.
-- What a partition knew at an offset are the publications that arrived in it before, in a table of its own: a worker
-- that starts again has exactly the weather that its predecessor had.
CREATE TABLE weather_run (
    run_id        uuid PRIMARY KEY,
    source        text NOT NULL,
    location      text NOT NULL,
    variable      text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('run', 'observed')),
    start         timestamptz NOT NULL,
    available_at  timestamptz NOT NULL,
    first_hour    timestamptz NOT NULL,
    ends_at       timestamptz NOT NULL,
    values        real[] NOT NULL,
    recorded_at   timestamptz NOT NULL
);
COMMENT ON TABLE weather_run IS 'Publications of weather: runs of a weather model, and observed hours, of one location and variable';
COMMENT ON COLUMN weather_run.run_id IS 'Hash of everything but recorded_at';
COMMENT ON COLUMN weather_run.source IS 'Name of the weather source';
COMMENT ON COLUMN weather_run.start IS 'Hour that a run was started from, which is not when it could be had; of observed hours first_hour';
COMMENT ON COLUMN weather_run.ends_at IS 'End of the last hour';
COMMENT ON COLUMN weather_run.values IS 'By hour from first_hour on, in the unit of the variable, NaN where an hour is missing';
CREATE INDEX weather_run_location ON weather_run (source, location, variable, ends_at);

CREATE TABLE weather_arrival (
    topic       text NOT NULL,
    partition   integer NOT NULL,
    run_id      uuid NOT NULL REFERENCES weather_run,
    log_offset  bigint NOT NULL,
    PRIMARY KEY (topic, partition, run_id)
);
COMMENT ON TABLE weather_arrival IS 'At which message a partition of observations learnt a publication of weather for the first time';
COMMENT ON COLUMN weather_arrival.log_offset IS 'Offset of the message; -1 for one of a log that was created again since';
CREATE INDEX weather_arrival_run_id ON weather_arrival (run_id);
