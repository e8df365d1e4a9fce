-- Why: a backfill that is resumed after its last rows must still let the poller go on from them.

ALTER TABLE backfill ADD COLUMN newest_time timestamptz;
COMMENT ON COLUMN backfill.newest_time IS 'The newest hour that it has published so far; NULL: none';
