-- Day products: the forecast of a local day of the calendar as it stood at a gate of the day before. Kept for ever, sent
-- once to topic day-ahead, and scored when the day is over.
CREATE TABLE day_ahead (
    series_key   integer NOT NULL,
    day          date NOT NULL,
    gate         text NOT NULL,
    gate_at      timestamptz NOT NULL,
    time_zone    text NOT NULL,
    starts_at    timestamptz NOT NULL,
    hours        smallint NOT NULL,
    origin       timestamptz NOT NULL,
    issued_at    timestamptz NOT NULL,
    release      text,
    rung         smallint NOT NULL,
    reasons      integer NOT NULL,
    floor_days   integer NOT NULL,
    first_lead   smallint NOT NULL,
    p50          real[] NOT NULL,
    p10          real[] NOT NULL,
    p90          real[] NOT NULL,
    published_at timestamptz,
    scored       boolean NOT NULL DEFAULT false,
    PRIMARY KEY (series_key, day, gate)
);
COMMENT ON TABLE day_ahead IS 'The newest forecast of each series as it stood at a gate, cut to the hours of the next local day; never changed';
COMMENT ON COLUMN day_ahead.gate IS 'Local time of day in the source file, HH:MM; gate_at is its moment on the day before';
COMMENT ON COLUMN day_ahead.hours IS 'Hours of the day: 23, 24 or 25; the arrays hold fewer where the forecast ended earlier';
COMMENT ON COLUMN day_ahead.first_lead IS 'Lead of the first hour of the day; floor_days is that of forecast';
COMMENT ON COLUMN day_ahead.published_at IS 'When Kafka acknowledged it; NULL: it is sent again';
COMMENT ON COLUMN day_ahead.scored IS 'Whether day_ahead_score has its score, of the values that are current';
CREATE INDEX day_ahead_day ON day_ahead (day, gate, series_key);
CREATE INDEX day_ahead_unpublished ON day_ahead (series_key) WHERE published_at IS NULL;
CREATE INDEX day_ahead_unscored ON day_ahead (series_key) WHERE NOT scored;

CREATE TABLE day_ahead_score (
    series_key       integer NOT NULL,
    day              date NOT NULL,
    gate             text NOT NULL,
    starts_at        timestamptz NOT NULL,
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
    PRIMARY KEY (series_key, day, gate)
);
COMMENT ON TABLE day_ahead_score IS 'One row a day product whose day is over, again when an actual is revised; the sums are those of score';
CREATE INDEX day_ahead_score_day ON day_ahead_score (day, gate, series_key);
