-- A stream leaves the hours of a series on as many pages as there are hours; the index has them side by side, and with the
-- value in it a window is read from there alone. That works for pages that a vacuum has seen, so it comes sooner than by
-- default, where 100,000 series would leave the last five days to the heap.
ALTER TABLE observation
    DROP CONSTRAINT observation_pkey,
    ADD PRIMARY KEY (series_key, valid_time) INCLUDE (value);
ALTER TABLE observation SET (autovacuum_vacuum_insert_scale_factor = 0.05);
