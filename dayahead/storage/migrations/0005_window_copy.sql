-- Which copy of a partition's windows in Redis is the one that follows from these tables: a worker that starts loads
-- it, and reads only what came after it. Named here, so that a copy which these tables know nothing of (they were
-- restored from a backup, or Redis was) is never used.
ALTER TABLE worker_offset ADD COLUMN window_copy text;
COMMENT ON COLUMN worker_offset.window_copy IS 'Name of the copy of the windows in Redis that was made of these tables; NULL: there is none';
