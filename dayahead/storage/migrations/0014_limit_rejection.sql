-- Why: rows beyond minimum and maximum of their source that arrive by Kafka or POST /v1/observations are rejected by the
-- worker, and counted in no loss: limit_loss has what the poller rejected. One row an hour, so that a message that is read
-- twice counts once; how many values a series has is in table observation.
CREATE TABLE limit_rejection (
    series_key    integer NOT NULL,
    valid_time    timestamptz NOT NULL,
    value         double precision NOT NULL,
    available_at  timestamptz NOT NULL,
    PRIMARY KEY (series_key, valid_time)
);
COMMENT ON TABLE limit_rejection IS 'Values of the newest week that a worker rejected for minimum and maximum of their source';
COMMENT ON COLUMN limit_rejection.value IS 'The newest rejected value of the hour, in the unit of the source';
