-- Why: accuracy is read over the newest days of each source. The newest day of an area and unit is one look-up here;
-- the primary key starts with the day, so that it would read the days of all other areas first.
CREATE INDEX accuracy_day_area ON accuracy_day (area, unit, day DESC);
