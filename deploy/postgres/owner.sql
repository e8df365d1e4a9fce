-- Run once, by psql as the superuser, when the cluster is new: the role that owns the tables, which is no superuser, and
-- its database. The local stack runs it, and the image of TimescaleDB in Compose does. The password comes from the
-- environment, never from a command line.
\set ON_ERROR_STOP on
\getenv password DAYAHEAD_OWNER_PASSWORD
SELECT 'CREATE ROLE dayahead_owner' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dayahead_owner') \gexec
ALTER ROLE dayahead_owner LOGIN CREATEROLE PASSWORD :'password';
SELECT 'CREATE DATABASE dayahead' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'dayahead') \gexec
ALTER DATABASE dayahead OWNER TO dayahead_owner;
