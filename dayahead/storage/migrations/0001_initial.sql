-- Why: the tables of the first release. Text stands outside, integer keys inside; every time is UTC.

CREATE EXTENSION IF NOT EXISTS timescaledb;

CREATE TABLE source (
    source_key  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE,
    definition  jsonb NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE source IS 'Datasets: the source files as last registered (dayahead/source.py)';

CREATE TABLE poll_cursor (
    source_key   integer PRIMARY KEY REFERENCES source,
    next_time    timestamptz NOT NULL,
    polled_at    timestamptz NOT NULL,
    new_hour_at  timestamptz
);
COMMENT ON TABLE poll_cursor IS 'What the poller has published: every hour before next_time. Written after Kafka has acknowledged';
COMMENT ON COLUMN poll_cursor.new_hour_at IS 'When an hour newer than all before was last published: the freshness of the source';

CREATE TABLE series (
    series_key  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    series_id   text NOT NULL UNIQUE,
    source_key  integer NOT NULL REFERENCES source,
    labels      jsonb NOT NULL,
    area        text NOT NULL,
    unit        text NOT NULL,
    partition   integer NOT NULL,
    first_seen  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN series.area IS 'Value of the first label: what accuracy and metrics are grouped by';
COMMENT ON COLUMN series.partition IS 'Partition of observations that the series lives in (murmur2)';
CREATE INDEX series_partition ON series (partition);

-- One row an hour: the value as known now.
CREATE TABLE observation (
    series_key    integer NOT NULL,
    valid_time    timestamptz NOT NULL,
    value         double precision NOT NULL,
    available_at  timestamptz NOT NULL,
    confirmed_at  timestamptz,
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (series_key, valid_time)
);
COMMENT ON COLUMN observation.confirmed_at IS 'When the same value was published last, where that was later than available_at: an older version is measured against it';
SELECT create_hypertable('observation', by_range('valid_time', INTERVAL '28 days'), create_default_indexes => false);
CREATE INDEX observation_valid_time ON observation (valid_time DESC);

-- Versions of an hour that are not the current one: what a read as of a past moment needs.
CREATE TABLE observation_revision (
    series_key    integer NOT NULL,
    valid_time    timestamptz NOT NULL,
    available_at  timestamptz NOT NULL,
    value         double precision NOT NULL,
    recorded_at   timestamptz NOT NULL,
    PRIMARY KEY (series_key, valid_time, available_at, value)
);
COMMENT ON TABLE observation_revision IS 'Versions of an hour that are not current; current is the greatest (available_at, value)';

CREATE TABLE feature_snapshot (
    series_key  integer NOT NULL,
    origin      timestamptz NOT NULL,
    features    real[] NOT NULL,
    PRIMARY KEY (series_key, origin)
);
COMMENT ON COLUMN feature_snapshot.features IS 'Rolling features at the origin, in the order of dayahead.features SNAPSHOT_NAMES';
SELECT create_hypertable('feature_snapshot', by_range('origin', INTERVAL '7 days'), create_default_indexes => false);

CREATE TABLE forecast (
    series_key  integer NOT NULL,
    origin      timestamptz NOT NULL,
    issued_at   timestamptz NOT NULL,
    release     text,
    rung        smallint NOT NULL CHECK (rung BETWEEN 0 AND 5),
    reasons     integer NOT NULL,
    p50         real[] NOT NULL,
    p10         real[] NOT NULL,
    p90         real[] NOT NULL,
    message_offset bigint NOT NULL,
    PRIMARY KEY (series_key, origin)
);
COMMENT ON COLUMN forecast.message_offset IS 'Offset in observations of the message that made the row: from worker_offset.published_offset on, it may not have reached Redis and Kafka';
COMMENT ON TABLE forecast IS 'One row a series and origin; arrays are by lead (1 to 24), empty on rung 5; reasons are bit flags (dayahead.contracts.Reason)';
SELECT create_hypertable('forecast', by_range('origin', INTERVAL '28 days'), create_default_indexes => false);
CREATE INDEX forecast_origin ON forecast (origin DESC);

-- One row for each forecast whose 24 hours have been observed, written by the worker, again when an actual is revised.
CREATE TABLE score (
    series_key       integer NOT NULL,
    origin           timestamptz NOT NULL,
    release          text,
    rung             smallint NOT NULL,
    hours            smallint NOT NULL,
    absolute_error   double precision NOT NULL,
    absolute_actual  double precision NOT NULL,
    percentage_error double precision NOT NULL,
    percentage_hours smallint NOT NULL,
    signed_error     double precision NOT NULL,
    naive_error      double precision NOT NULL,
    naive_hours      smallint NOT NULL,
    naive_actual     double precision NOT NULL,
    model_error_where_naive double precision NOT NULL,
    covered          smallint NOT NULL,
    pinball          double precision NOT NULL,
    lead_error       real[] NOT NULL,
    PRIMARY KEY (series_key, origin)
);
COMMENT ON COLUMN score.hours IS 'Leads whose actual is known; the sums run over them, in the unit of the series';
COMMENT ON COLUMN score.percentage_error IS 'Sum of |error| / |actual| over percentage_hours, the leads with an actual that is not 0';
COMMENT ON COLUMN score.naive_error IS 'Sum of |actual - seasonal naive| over naive_hours; model_error_where_naive is the model on the same leads';
COMMENT ON COLUMN score.covered IS 'Leads whose actual lies within p10 to p90';
COMMENT ON COLUMN score.pinball IS 'Sum over leads of the mean pinball loss of p10, p50 and p90';
COMMENT ON COLUMN score.lead_error IS '|error| by lead, NaN where the actual is not known';
SELECT create_hypertable('score', by_range('origin', INTERVAL '28 days'), create_default_indexes => false);
CREATE INDEX score_origin ON score (origin DESC);

CREATE TABLE model_release (
    release        text PRIMARY KEY,
    artifact       bytea NOT NULL,
    created_at     timestamptz NOT NULL,
    trained_from   timestamptz NOT NULL,
    trained_until  timestamptz NOT NULL,
    data_fingerprint text NOT NULL,
    settings       jsonb NOT NULL,
    metrics        jsonb NOT NULL
);
COMMENT ON TABLE model_release IS 'Immutable, content-addressed models; the artifact is all that a worker needs';

-- The champion is the newest row; a rollback is another row.
CREATE TABLE promotion (
    promotion_key  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    release        text NOT NULL REFERENCES model_release,
    previous       text REFERENCES model_release,
    promoted_at    timestamptz NOT NULL,
    promoted_by    text NOT NULL,
    reason         text NOT NULL
);
CREATE VIEW champion AS
    SELECT release, previous, promoted_at, promoted_by, reason FROM promotion ORDER BY promotion_key DESC LIMIT 1;

CREATE TABLE tuning_run (
    tuning_run_key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at     timestamptz NOT NULL,
    finished_at    timestamptz,
    requested_by   text NOT NULL,
    reason         text NOT NULL,
    release        text REFERENCES model_release,
    promoted       boolean NOT NULL DEFAULT false,
    outcome        text NOT NULL DEFAULT 'running',
    details        jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE tuning_run IS 'Every training: who asked and why, what came of it and why it was promoted or not; also requests that were refused';
COMMENT ON COLUMN tuning_run.outcome IS 'running, promoted, kept (the champion stays), saved (nobody asked to promote), unchanged (the champion came out again), refused, failed or interrupted';
CREATE INDEX tuning_run_started ON tuning_run (started_at DESC);

-- Optuna makes its own tables here when the first study starts, so that several trainers can share it.
CREATE SCHEMA IF NOT EXISTS optuna;

CREATE TABLE training_quarantine (
    tuning_run_key integer NOT NULL REFERENCES tuning_run,
    series_key     integer NOT NULL,
    valid_from     timestamptz NOT NULL,
    valid_until    timestamptz NOT NULL,
    rule           text NOT NULL,
    hours          integer NOT NULL,
    reason         text NOT NULL,
    PRIMARY KEY (tuning_run_key, series_key, valid_from, rule)
);
COMMENT ON TABLE training_quarantine IS 'Observed hours that a training left out, and why: valid_from up to, not including, valid_until; hours counts the values set aside';

-- Where a partition continues: moved in the same transaction as what its messages wrote.
CREATE TABLE worker_offset (
    topic            text NOT NULL,
    partition        integer NOT NULL,
    next_offset      bigint NOT NULL,
    published_offset bigint NOT NULL,
    unconfirmed_from timestamptz,
    claim            bigint NOT NULL,
    release          text,
    worker           text NOT NULL,
    updated_at       timestamptz NOT NULL,
    PRIMARY KEY (topic, partition)
);
COMMENT ON COLUMN worker_offset.published_offset IS 'Forecasts with a message_offset below this are confirmed in Redis and Kafka; the others are published again on assignment';

COMMENT ON COLUMN worker_offset.unconfirmed_from IS 'Least origin among the forecasts that may be unconfirmed, so that they are found without reading the table; NULL: there are none';
COMMENT ON COLUMN worker_offset.claim IS 'Counts the takeovers of the partition: a worker with an older number is refused by TimescaleDB and Redis';
COMMENT ON COLUMN worker_offset.release IS 'Release with which all series of the partition were last forecast anew';

CREATE VIEW forecast_point AS
    SELECT s.series_id, s.area, s.unit, f.origin, lead,
           f.origin + lead * INTERVAL '1 hour' AS valid_time,
           f.p10[lead] AS p10, f.p50[lead] AS p50, f.p90[lead] AS p90,
           f.rung, f.release, f.issued_at
    FROM forecast f
    JOIN series s USING (series_key)
    CROSS JOIN LATERAL generate_subscripts(f.p50, 1) AS lead;

-- Accuracy of every series over its scores; filter by origin for a window.
CREATE VIEW score_by_series AS
    SELECT s.series_id, s.area, s.unit, c.origin, c.release, c.rung, c.hours,
           c.absolute_error, c.absolute_actual, c.percentage_error, c.percentage_hours, c.signed_error,
           c.naive_error, c.naive_hours, c.naive_actual, c.model_error_where_naive, c.covered, c.pinball, c.lead_error
    FROM score c JOIN series s USING (series_key);
