-- Forecasts of others are scored in comparison with ours: on exactly the hours of which both had said something at the
-- moment of our issue (for day products: at the gate), and which were observed. Kept by origin and range of leads, so
-- that any window of origins adds up.
CREATE TABLE reference_score (
    series_key      integer NOT NULL,
    reference_key   integer NOT NULL,
    origin          timestamptz NOT NULL,
    first_lead      smallint NOT NULL,
    last_lead       smallint NOT NULL,
    horizon_day     smallint NOT NULL,
    hours           smallint NOT NULL,
    absolute_error  double precision NOT NULL,
    reference_error double precision NOT NULL,
    absolute_actual double precision NOT NULL,
    PRIMARY KEY (series_key, reference_key, origin, first_lead)
);
COMMENT ON TABLE reference_score IS 'One row a range of leads of a scored forecast for which a reference was known when ours was issued; again when an actual is revised';
COMMENT ON COLUMN reference_score.hours IS 'Leads with our forecast, the reference and the actual; all sums run over these, in the unit of the series';
COMMENT ON COLUMN reference_score.absolute_error IS 'Sum of |ours - actual|; reference_error: of |reference - actual|';
SELECT create_hypertable('reference_score', by_range('origin', INTERVAL '28 days'), create_default_indexes => false);

CREATE TABLE reference_day_score (
    series_key      integer NOT NULL,
    reference_key   integer NOT NULL,
    day             date NOT NULL,
    gate            text NOT NULL,
    starts_at       timestamptz NOT NULL,
    hours           smallint NOT NULL,
    absolute_error  double precision NOT NULL,
    reference_error double precision NOT NULL,
    absolute_actual double precision NOT NULL,
    PRIMARY KEY (series_key, reference_key, day, gate)
);
COMMENT ON TABLE reference_day_score IS 'One row a day product that is over: it and the reference as both stood at the gate, on the same hours; 0 hours where no reference was known';

ALTER TABLE reference_series ADD COLUMN observed_until timestamptz, ADD COLUMN versions_until timestamptz;
COMMENT ON COLUMN reference_series.observed_until IS 'Up to which recorded_at observed hours have been compared; versions_until: up to which recorded_at the versions of the reference';

CREATE VIEW reference_score_point AS
    SELECT matched.series_id, matched.area, matched.unit, matched.reference, matched.title, score.origin,
           score.first_lead, score.last_lead, score.horizon_day, score.hours, score.absolute_error,
           score.reference_error, score.absolute_actual
    FROM reference_score AS score JOIN reference_of_series AS matched USING (series_key, reference_key);
COMMENT ON VIEW reference_score_point IS 'The scores of references with the text that belongs to them; filter by origin for a window';
