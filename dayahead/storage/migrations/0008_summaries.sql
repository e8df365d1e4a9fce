-- Accuracy by area and quality by source were added up from the rows of every series at each request: 15 to 49 s at
-- 100,000 hourly series. The worker now keeps the sums as scores come, and the quality of each of its partitions.

CREATE TABLE accuracy_day (
    partition        integer NOT NULL,
    area             text NOT NULL,
    unit             text NOT NULL,
    day              date NOT NULL,
    release          text NOT NULL,
    forecasts        bigint NOT NULL,
    hours            bigint NOT NULL,
    absolute_error   double precision NOT NULL,
    absolute_actual  double precision NOT NULL,
    percentage_error double precision NOT NULL,
    percentage_hours bigint NOT NULL,
    signed_error     double precision NOT NULL,
    naive_error      double precision NOT NULL,
    naive_hours      bigint NOT NULL,
    naive_actual     double precision NOT NULL,
    model_error_where_naive double precision NOT NULL,
    covered          bigint NOT NULL,
    pinball          double precision NOT NULL,
    PRIMARY KEY (day, area, unit, release, partition)
);
COMMENT ON TABLE accuracy_day IS 'Sums of score by area, unit, UTC day of the origin and release, written in the transaction of the scores; each partition adds to rows of its own, so that workers do not wait for each other';
COMMENT ON COLUMN accuracy_day.release IS 'Empty where no release made the forecast';

INSERT INTO accuracy_day
SELECT -1, series.area, series.unit, (score.origin AT TIME ZONE 'UTC')::date, coalesce(score.release, ''), count(*),
       sum(hours), sum(absolute_error), sum(absolute_actual), sum(percentage_error), sum(percentage_hours),
       sum(signed_error), sum(naive_error), sum(naive_hours), sum(naive_actual), sum(model_error_where_naive),
       sum(covered), sum(pinball)
FROM score JOIN series USING (series_key)
GROUP BY 2, 3, 4, 5;

COMMENT ON COLUMN score.percentage_error IS 'Sum of |error| / max(|actual|, a quarter of the usual level of the series) over percentage_hours (dayahead/evaluation/score.py)';

CREATE TABLE partition_quality (
    topic            text NOT NULL,
    partition        integer NOT NULL,
    source_key       integer NOT NULL REFERENCES source,
    claim            bigint NOT NULL,
    updated_at       timestamptz NOT NULL,
    newest_hours     timestamptz[] NOT NULL,
    newest_series    integer[] NOT NULL,
    rung_series      integer[] NOT NULL,
    expected_hours   bigint NOT NULL,
    missing_hours    bigint NOT NULL,
    series_with_gaps integer NOT NULL,
    oldest_keys      integer[] NOT NULL,
    oldest_hours     timestamptz[] NOT NULL,
    gap_keys         integer[] NOT NULL,
    gap_hours        integer[] NOT NULL,
    PRIMARY KEY (topic, partition, source_key)
);
COMMENT ON TABLE partition_quality IS 'How the series of a source in a partition are, written by the worker that holds it a few seconds after a change';
COMMENT ON COLUMN partition_quality.newest_hours IS 'Distinct newest hours of the series; newest_series counts the series of each. NULL: no hour yet';
COMMENT ON COLUMN partition_quality.rung_series IS 'Series by the rung of their newest forecast, 0 to 5';
COMMENT ON COLUMN partition_quality.expected_hours IS 'Hours that the series should have in the week up to the newest hour of the source, each from its first hour on';
COMMENT ON COLUMN partition_quality.oldest_keys IS 'The series with the oldest newest hours, up to 1000, oldest first';
COMMENT ON COLUMN partition_quality.gap_keys IS 'The series with the most missing hours, up to 1000, most first';
