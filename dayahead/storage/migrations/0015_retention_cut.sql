-- Why: a score that retention removed and that a late revision makes again counted twice in accuracy_day: its old sums
-- could not be taken back. The worker must know up to where scores were removed.
CREATE TABLE retention_cut (
    table_name  text PRIMARY KEY,
    before      timestamptz NOT NULL
);
COMMENT ON TABLE retention_cut IS 'Up to where dayahead retention has removed rows of each table, written before they go; whole chunks go, so later ones may be there';
