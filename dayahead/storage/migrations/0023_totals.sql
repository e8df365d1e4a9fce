-- Why: sums of the quantiles of several series are no quantiles of their sum, so totals are series of their own, made of
-- the hours as they come. Their maker must find which hours changed since it last looked, and say why an hour has none.
CREATE TABLE total_cursor (
    source_key      integer NOT NULL REFERENCES source,
    partition       integer NOT NULL,
    recorded_until  timestamptz NOT NULL,
    PRIMARY KEY (source_key, partition)
);
COMMENT ON TABLE total_cursor IS 'Up to which recorded_at the hours of a source with totals have been summed, by partition of its series: the checkpoints of one partition follow each other, those of two may overtake';

CREATE TABLE total_hour (
    source_key      integer NOT NULL REFERENCES source,
    total           text NOT NULL,
    valid_time      timestamptz NOT NULL,
    summed          integer NOT NULL,
    missing         integer NOT NULL,
    missing_series  text[] NOT NULL,
    published       boolean NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (source_key, total, valid_time)
);
COMMENT ON TABLE total_hour IS 'Which hours of a source have a total, of how many series, and which series the others lack';
COMMENT ON COLUMN total_hour.source_key IS 'The source whose series are summed';
COMMENT ON COLUMN total_hour.total IS 'Label of the total: total for the whole source, area- and the area otherwise';
COMMENT ON COLUMN total_hour.summed IS 'Series with a value for the hour; without missing ones the total is their sum';
COMMENT ON COLUMN total_hour.missing_series IS 'The first few of the series that lack the hour';
COMMENT ON COLUMN total_hour.published IS 'Whether a total of the hour was published';
CREATE INDEX total_hour_valid_time ON total_hour (source_key, valid_time DESC);

-- Rows are found by when they were recorded, whatever hour they are for. They lie on disk nearly in that order, so that a
-- summary of each range of pages is enough, and costs the worker next to nothing.
CREATE INDEX observation_recorded_at ON observation USING brin (recorded_at) WITH (pages_per_range = 32, autosummarize = on);
