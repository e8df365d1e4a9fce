-- Which dead letters were put back: the topic cannot say so itself, and a bulk replay must not send them twice.
CREATE TABLE dead_letter_replay (
    topic         text        NOT NULL,
    letter_offset bigint      NOT NULL,
    written_at    timestamptz NOT NULL,
    replayed_at   timestamptz NOT NULL,
    rows          integer     NOT NULL,
    replaced      boolean     NOT NULL,
    PRIMARY KEY (topic, letter_offset)
);
COMMENT ON COLUMN dead_letter_replay.written_at IS 'When the letter was written: tells it from one with its offset in a topic that was created again';
COMMENT ON COLUMN dead_letter_replay.replaced IS 'Whether a corrected message went in its place';
