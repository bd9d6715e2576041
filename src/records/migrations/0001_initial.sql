-- What the service knows of every series, instance, result and delivery. States are changed by src/records/state.ts only.

CREATE TABLE raunet.series (
  series_uid         text PRIMARY KEY,
  study_uid          text NOT NULL,
  state              text NOT NULL,
  priority           text NOT NULL,
  calling_ae         text NOT NULL,
  called_ae          text NOT NULL,
  calling_address    text NOT NULL,
  -- Instances to analyse: those in conflict are not counted.
  instances          integer NOT NULL DEFAULT 0,
  expected_instances integer,
  revision           integer NOT NULL DEFAULT 0,
  -- Instances came that no revision holds yet.
  changed            boolean NOT NULL DEFAULT false,
  progress           real NOT NULL DEFAULT 0,
  code               text,
  reason             text,
  -- The analysis of the newest revision was refused or failed; the report of that may still wait for delivery.
  refusal_code       text,
  refusal_reason     text,
  first_received_at  timestamptz NOT NULL,
  last_received_at   timestamptz NOT NULL,
  updated_at         timestamptz NOT NULL DEFAULT now(),
  -- When it entered done, refused, failed or cancelled: retention counts from here.
  finished_at        timestamptz,
  -- When retention erased its files; the row stays as history.
  erased_at          timestamptz
  -- Room for the update that every instance makes; no index has a column that it changes (heap-only tuples).
) WITH (fillfactor = 70);
CREATE INDEX series_by_state ON raunet.series (state);
CREATE INDEX series_by_time ON raunet.series (first_received_at DESC, series_uid DESC);
CREATE INDEX series_by_study ON raunet.series (study_uid);

CREATE TABLE raunet.instance (
  sop_instance_uid    text NOT NULL,
  -- Of the whole file: the same UID with other bytes is a row of its own, with `conflicting`.
  sha256              text NOT NULL,
  sop_class_uid       text NOT NULL,
  transfer_syntax_uid text NOT NULL,
  series_uid          text NOT NULL REFERENCES raunet.series ON DELETE CASCADE,
  file                text NOT NULL,
  size_bytes          bigint NOT NULL,
  conflicting         boolean NOT NULL,
  -- The file is gone from the spool, or no longer has these bytes.
  lost                boolean NOT NULL DEFAULT false,
  received_at         timestamptz NOT NULL,
  PRIMARY KEY (sop_instance_uid, sha256)
);
CREATE INDEX instance_by_series ON raunet.instance (series_uid);
CREATE UNIQUE INDEX instance_one_original ON raunet.instance (sop_instance_uid) WHERE NOT conflicting;

CREATE TABLE raunet.series_event (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  series_uid text NOT NULL REFERENCES raunet.series ON DELETE CASCADE,
  at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  state      text NOT NULL,
  code       text,
  sentence   text NOT NULL,
  actor      text NOT NULL
);
CREATE INDEX series_event_by_series ON raunet.series_event (series_uid, id);

CREATE TABLE raunet.result (
  source_series_uid   text NOT NULL REFERENCES raunet.series ON DELETE CASCADE,
  revision            integer NOT NULL,
  sop_instance_uid    text NOT NULL,
  sop_class_uid       text NOT NULL,
  transfer_syntax_uid text NOT NULL,
  kind                text NOT NULL,
  series_uid          text NOT NULL,
  file                text NOT NULL,
  sha256              text NOT NULL,
  created_at          timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (source_series_uid, revision, sop_instance_uid)
);
CREATE INDEX result_by_instance ON raunet.result (sop_instance_uid);

CREATE TABLE raunet.delivery (
  source_series_uid text NOT NULL REFERENCES raunet.series ON DELETE CASCADE,
  revision          integer NOT NULL,
  destination       text NOT NULL,
  state             text NOT NULL,
  attempts          integer NOT NULL DEFAULT 0,
  code              text,
  reason            text,
  updated_at        timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (source_series_uid, revision, destination)
);
CREATE INDEX delivery_by_state ON raunet.delivery (state);
