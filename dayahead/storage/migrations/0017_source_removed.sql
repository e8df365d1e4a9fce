-- Why: a source that is no longer wanted must not be stale for ever. Its row stays: its series and their data refer to it.
ALTER TABLE source ADD COLUMN removed_at timestamptz;
