-- Why: weather is a source of its own, with its own runs, which several sources of load may follow. What its poller has
-- published and how it fares is kept for the next poller, the API and the page; a backfill of archived runs, which goes
-- to weather_run without the log, resumes where it was interrupted.
CREATE TABLE weather_source (
    name       text PRIMARY KEY,
    definition jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz
);
COMMENT ON TABLE weather_source IS 'The weather sources as last registered';
COMMENT ON COLUMN weather_source.definition IS 'The fields of its file';
COMMENT ON COLUMN weather_source.removed_at IS 'When it was removed; NULL while it is wanted';

CREATE TABLE weather_poll (
    source        text PRIMARY KEY REFERENCES weather_source,
    newest_time   timestamptz,
    published_at  timestamptz,
    polled_at     timestamptz,
    missed_runs   integer NOT NULL DEFAULT 0,
    failing_since timestamptz,
    error         text,
    retry_at      timestamptz
);
COMMENT ON TABLE weather_poll IS 'What the poller of a weather source has published, and whether its polls fail';
COMMENT ON COLUMN weather_poll.newest_time IS 'Start of the newest run that Kafka has acknowledged, or of the newest observed hour; NULL before the first';
COMMENT ON COLUMN weather_poll.published_at IS 'When that was acknowledged';
COMMENT ON COLUMN weather_poll.polled_at IS 'When a poll last succeeded';
COMMENT ON COLUMN weather_poll.missed_runs IS 'Runs that are due by its schedule and an hour more, and were not published';
COMMENT ON COLUMN weather_poll.failing_since IS 'When the first failed poll in a row was; NULL while polls succeed';

CREATE TABLE weather_backfill (
    source     text NOT NULL REFERENCES weather_source,
    start_time timestamptz NOT NULL,
    end_time   timestamptz NOT NULL,
    next_time  timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (source, start_time, end_time)
);
COMMENT ON TABLE weather_backfill IS 'Progress of backfills of archived weather: everything before next_time is written';
