-- Run after every migration, as the owner: what the other roles may do. Idempotent: what a role may no longer do is taken
-- from it. Each service has its own role, which may write what the service writes; dayahead_app is for commands, and
-- for a service that has no role in its settings. None may TRUNCATE, create or drop a table.
REVOKE ALL ON ALL TABLES IN SCHEMA public
    FROM dayahead_app, dayahead_reader, dayahead_ingest, dayahead_worker, dayahead_trainer, dayahead_api;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public
    TO dayahead_app, dayahead_reader, dayahead_ingest, dayahead_worker, dayahead_trainer, dayahead_api;

-- Optuna makes its own tables: whichever of the two roles does, the other one uses them too. An owner that is no superuser
-- must be a member of a role to say what becomes of its tables.
DO $$
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        GRANT dayahead_app, dayahead_trainer TO CURRENT_USER;
    END IF;
END
$$;
GRANT USAGE, CREATE ON SCHEMA optuna TO dayahead_app, dayahead_trainer;
GRANT ALL ON ALL TABLES IN SCHEMA optuna TO dayahead_app, dayahead_trainer;
GRANT ALL ON ALL SEQUENCES IN SCHEMA optuna TO dayahead_app, dayahead_trainer;
ALTER DEFAULT PRIVILEGES FOR ROLE dayahead_app IN SCHEMA optuna GRANT ALL ON TABLES TO dayahead_trainer;
ALTER DEFAULT PRIVILEGES FOR ROLE dayahead_app IN SCHEMA optuna GRANT ALL ON SEQUENCES TO dayahead_trainer;
ALTER DEFAULT PRIVILEGES FOR ROLE dayahead_trainer IN SCHEMA optuna GRANT ALL ON TABLES TO dayahead_app;
ALTER DEFAULT PRIVILEGES FOR ROLE dayahead_trainer IN SCHEMA optuna GRANT ALL ON SEQUENCES TO dayahead_app;

-- Commands: rows of every table, but which migrations ran and what retention removed is the
-- owner's to say.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO dayahead_app;
REVOKE INSERT, UPDATE, DELETE ON schema_version, retention_cut FROM dayahead_app;

-- Grafana and analysts.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO dayahead_reader;

-- The poller and the backfill: sources and how far each was read; of the rest what is known already.
GRANT SELECT ON
    source, series, observation, backfill, poll_cursor, poll_failure, limit_loss, total_cursor, total_hour,
    reference_series, reference_forecast, reference_of_series, reference_score, reference_day_score, forecast, score,
    day_score, day_ahead
    TO dayahead_ingest;
GRANT INSERT, UPDATE ON
    source, backfill, poll_cursor, poll_failure, limit_loss, total_cursor, total_hour, reference_series,
    reference_forecast, reference_score, reference_day_score
    TO dayahead_ingest;
GRANT DELETE ON poll_failure, limit_loss TO dayahead_ingest;
GRANT SELECT ON weather_run TO dayahead_ingest;
GRANT INSERT ON weather_run TO dayahead_ingest;
GRANT SELECT ON weather_source, weather_poll, weather_backfill TO dayahead_ingest;
GRANT INSERT, UPDATE ON weather_source, weather_poll, weather_backfill TO dayahead_ingest;

-- The worker and its auditor: what follows from messages. It reads releases and makes none.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO dayahead_worker;
GRANT INSERT, UPDATE ON
    series, observation, observation_revision, feature_snapshot, forecast, forecast_superseded, score, day_score,
    accuracy_day, partition_quality, drift_event, drift_watched, worker_offset, limit_rejection, day_ahead, day_ahead_score
    TO dayahead_worker;
GRANT DELETE ON limit_rejection TO dayahead_worker;
GRANT INSERT ON weather_run, weather_arrival TO dayahead_worker;
GRANT UPDATE (log_offset) ON weather_arrival TO dayahead_worker;

-- The trainer: releases, what became of trainings, and the studies of Optuna.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO dayahead_trainer;
GRANT INSERT ON model_release, release_shape, training_quarantine, model_report, report_piece TO dayahead_trainer;
GRANT INSERT, UPDATE ON tuning_run, promotion, retune_request TO dayahead_trainer;

-- The API: reads, and promotes a release that is there (UPDATE is what the lock for it asks for).
GRANT SELECT ON ALL TABLES IN SCHEMA public TO dayahead_api;
GRANT INSERT, UPDATE ON promotion TO dayahead_api;
