-- A forecast of more than 24 hours is scored day by day of its horizon: day 1 stays in score, as all that reads it
-- expects, the later days have a table of their own. accuracy_day keeps the sums of both.
CREATE TABLE day_score (
    series_key       integer NOT NULL,
    origin           timestamptz NOT NULL,
    horizon_day      smallint NOT NULL CHECK (horizon_day BETWEEN 2 AND 17),
    release          text,
    rung             smallint NOT NULL,
    hours            smallint NOT NULL,
    absolute_error   double precision NOT NULL,
    absolute_actual  double precision NOT NULL,
    percentage_error double precision NOT NULL,
    percentage_hours smallint NOT NULL,
    signed_error     double precision NOT NULL,
    naive_error      double precision NOT NULL,
    daily_naive_error double precision NOT NULL,
    naive_hours      smallint NOT NULL,
    naive_actual     double precision NOT NULL,
    model_error_where_naive double precision NOT NULL,
    covered          smallint NOT NULL,
    pinball          double precision NOT NULL,
    PRIMARY KEY (series_key, horizon_day, origin)
);
COMMENT ON TABLE day_score IS 'One row a series, origin and whole day of the horizon after the first, whose hours have been observed; written by the worker, again when an actual is revised; the sums are those of score';
COMMENT ON COLUMN day_score.horizon_day IS 'Day d is leads 24(d - 1) + 1 to 24d';
COMMENT ON COLUMN day_score.rung IS 'Of this day: 3 where the profile forecast it, else that of the forecast';
COMMENT ON COLUMN day_score.naive_error IS 'Sum of |actual - newest known same hour of the week at the origin| over naive_hours; daily_naive_error: of the day';
SELECT create_hypertable('day_score', by_range('origin', INTERVAL '28 days'), create_default_indexes => false);
CREATE INDEX day_score_origin ON day_score (horizon_day, origin DESC);

ALTER TABLE accuracy_day
    ADD COLUMN horizon_day smallint NOT NULL DEFAULT 1,
    DROP CONSTRAINT accuracy_day_pkey,
    ADD PRIMARY KEY (day, area, unit, release, horizon_day, partition);
COMMENT ON TABLE accuracy_day IS 'Sums of score and day_score by area, unit, UTC day of the origin, day of the horizon and release, written in the transaction of the scores; each partition adds to rows of its own, so that workers do not wait for each other';

CREATE VIEW score_by_horizon_day AS
    SELECT s.series_id, s.area, s.unit, c.origin, 1::smallint AS horizon_day, c.release, c.rung, c.hours,
           c.absolute_error, c.absolute_actual, c.percentage_error, c.percentage_hours, c.signed_error,
           c.naive_error, c.daily_naive_error, c.naive_hours, c.naive_actual, c.model_error_where_naive, c.covered,
           c.pinball
    FROM score c JOIN series s USING (series_key)
    UNION ALL
    SELECT s.series_id, s.area, s.unit, c.origin, c.horizon_day, c.release, c.rung, c.hours,
           c.absolute_error, c.absolute_actual, c.percentage_error, c.percentage_hours, c.signed_error,
           c.naive_error, c.daily_naive_error, c.naive_hours, c.naive_actual, c.model_error_where_naive, c.covered,
           c.pinball
    FROM day_score c JOIN series s USING (series_key);
