-- Why: drift of inputs and errors is watched beside the worker; an event is written before it is sent, and once.

CREATE TABLE drift_event (
    series_key   integer NOT NULL,
    valid_time   timestamptz NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('data', 'concept')),
    detector     text NOT NULL,
    statistic    double precision NOT NULL,
    recorded_at  timestamptz NOT NULL,
    published_at timestamptz,
    PRIMARY KEY (series_key, valid_time, kind, detector)
);
COMMENT ON COLUMN drift_event.valid_time IS 'The hour at which the detector fired: the origin of a forecast or of a feature snapshot';
COMMENT ON COLUMN drift_event.statistic IS 'How far the day lies from its reference, in standard deviations of the reference';
COMMENT ON COLUMN drift_event.published_at IS 'When Kafka acknowledged it; NULL: it is sent again';
CREATE INDEX drift_event_valid_time ON drift_event (valid_time DESC);
CREATE INDEX drift_event_unpublished ON drift_event (series_key) WHERE published_at IS NULL;

CREATE TABLE drift_watched (
    series_key    integer NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('data', 'concept')),
    watched_until timestamptz NOT NULL,
    PRIMARY KEY (series_key, kind)
);
COMMENT ON TABLE drift_watched IS 'Up to where each series has been judged: moved in the transaction that writes its events, so that a restart neither repeats nor loses one';
