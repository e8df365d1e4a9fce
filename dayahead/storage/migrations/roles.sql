-- Run after every migration, as the owner: what the other roles may do. Idempotent.
GRANT USAGE ON SCHEMA public TO dayahead_app, dayahead_reader;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO dayahead_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO dayahead_app;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO dayahead_reader;
GRANT USAGE, CREATE ON SCHEMA optuna TO dayahead_app;
