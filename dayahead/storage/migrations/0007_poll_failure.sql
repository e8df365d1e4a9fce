-- Why: the API reads TimescaleDB and never asks ingest; without a row here a source that has not answered for hours looks
-- as fresh as its newest hour.
CREATE TABLE poll_failure (
    source_key     integer PRIMARY KEY REFERENCES source,
    failing_since  timestamptz NOT NULL,
    error          text NOT NULL,
    retry_at       timestamptz NOT NULL
);
COMMENT ON TABLE poll_failure IS 'Sources whose newest poll failed, one row each; a poll that succeeds deletes it';
COMMENT ON COLUMN poll_failure.failing_since IS 'First failure since the newest poll that succeeded';
COMMENT ON COLUMN poll_failure.error IS 'Why the newest poll failed, in a sentence';
COMMENT ON COLUMN poll_failure.retry_at IS 'When the poller tries again';
