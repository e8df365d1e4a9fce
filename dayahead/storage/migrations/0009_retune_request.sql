-- Why: a request for a training that cannot be honoured at once, within the cool-down or beyond the budget, must wait and
-- survive a restart; an uncommitted offset would keep every later message waiting behind it.
CREATE TABLE retune_request (
    retune_request_key  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    requested_at        timestamptz NOT NULL,
    requested_by        text NOT NULL,
    reason              text NOT NULL,
    received_at         timestamptz NOT NULL,
    UNIQUE (requested_at, requested_by, reason)
);
COMMENT ON TABLE retune_request IS 'Messages of retune-requests. One is answered by the first retune that starts after received_at and trains; until then it waits';
COMMENT ON CONSTRAINT retune_request_requested_at_requested_by_reason_key ON retune_request IS 'A message that Kafka gives twice is one request';
CREATE INDEX retune_request_received_at ON retune_request (received_at);
