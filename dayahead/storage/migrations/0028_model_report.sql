-- Reports of drift and of accuracy, kept with the release. A page is stored in pieces by their hash: nine tenths of each
-- page are the same code that draws it.
CREATE TABLE report_piece (
    digest  bytea PRIMARY KEY,
    content bytea NOT NULL
);
ALTER TABLE report_piece ALTER COLUMN content SET STORAGE EXTERNAL;
COMMENT ON TABLE report_piece IS 'Pieces of pages of reports: SHA-256 of the text, and the text compressed by zlib';

CREATE TABLE model_report (
    report          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    release         text NOT NULL REFERENCES model_release ON DELETE CASCADE,
    kind            text NOT NULL CHECK (kind IN ('training', 'weekly')),
    tuning_run_key  integer REFERENCES tuning_run,
    made_at         timestamptz NOT NULL,
    summary         jsonb,
    pieces          bytea[] NOT NULL DEFAULT '{}',
    page_bytes      integer NOT NULL DEFAULT 0,
    failure         text,
    CHECK ((summary IS NULL) = (failure IS NOT NULL))
);
COMMENT ON TABLE model_report IS 'One row a report, also of one that could not be made: failure says why';
COMMENT ON COLUMN model_report.tuning_run_key IS 'The training that it is of; null for a weekly one';
COMMENT ON COLUMN model_report.pieces IS 'Digests of the pieces of the page, in order';
CREATE INDEX model_report_release ON model_report (release, report DESC);
CREATE INDEX model_report_run ON model_report (tuning_run_key) WHERE tuning_run_key IS NOT NULL;
CREATE INDEX model_report_weekly ON model_report (made_at DESC) WHERE kind = 'weekly';
