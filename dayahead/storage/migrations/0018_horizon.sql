-- A forecast holds as many leads as its source asks for, and each day of its horizon has a rung of its own: a later day
-- falls to the profile where the model does not beat the naive. Rows of 24 leads stay as they are.
ALTER TABLE forecast ADD COLUMN floor_days integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN forecast.floor_days IS 'Bit d - 1 is set where a model forecast day 1 of the horizon and the profile forecast day d (leads 24(d - 1) + 1 to 24d)';
COMMENT ON COLUMN forecast.rung IS 'Of day 1 of the horizon';
COMMENT ON TABLE forecast IS 'One row a series and origin; arrays are by lead (from 1 on), empty on rung 5; reasons are bit flags (dayahead.contracts.Reason)';

CREATE OR REPLACE VIEW forecast_point AS
    SELECT s.series_id, s.area, s.unit, f.origin, lead,
           f.origin + lead * INTERVAL '1 hour' AS valid_time,
           f.p10[lead] AS p10, f.p50[lead] AS p50, f.p90[lead] AS p90,
           CASE WHEN (f.floor_days >> ((lead - 1) / 24)) & 1 = 1 THEN 3 ELSE f.rung END::smallint AS rung,
           f.release, f.issued_at
    FROM forecast f
    JOIN series s USING (series_key)
    CROSS JOIN LATERAL generate_subscripts(f.p50, 1) AS lead;
