-- Why: Redis is a cache that may be away, or come back from an old snapshot. The workers go on without it, so what Redis
-- holds can no longer be read from published_offset. Each checkpoint with forecasts has a number; Redis holds the number
-- of the last one that it has, and whoever reads it compares the two.
ALTER TABLE worker_offset
    ADD COLUMN forecast_sequence bigint NOT NULL DEFAULT 0,
    ADD COLUMN partitions integer;
COMMENT ON COLUMN worker_offset.forecast_sequence IS 'Counts the checkpoints of the partition that wrote forecasts; a Redis with a lower number, or none, is not read';
COMMENT ON COLUMN worker_offset.partitions IS 'Partitions that the topic had when this one was claimed; which series belong here follows from it';
COMMENT ON COLUMN worker_offset.published_offset IS 'Forecasts with a message_offset below this are confirmed in Kafka; the others are published again on assignment';
COMMENT ON COLUMN forecast.message_offset IS 'Offset in observations of the message that made the row: from worker_offset.published_offset on, it may not have reached Kafka';
