-- Why: a backfill that was interrupted goes on where it stood (`dayahead backfill --resume`).

CREATE TABLE backfill (
    source_key  integer NOT NULL REFERENCES source,
    start_time  timestamptz NOT NULL,
    end_time    timestamptz NOT NULL,
    next_time   timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (source_key, start_time, end_time)
);
COMMENT ON TABLE backfill IS 'Backfills by source and range: every hour before next_time has been acknowledged by Kafka';
