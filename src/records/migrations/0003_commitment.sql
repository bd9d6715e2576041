-- Storage commitment (PS3.4 Annex J): what destinations promise us of results, and what peers ask us of their instances.

-- Times that objects were sent again because the destination did not commit to them.
ALTER TABLE raunet.delivery ADD COLUMN round integer NOT NULL DEFAULT 0;

-- We asked.
CREATE TABLE raunet.commitment (
  transaction_uid   text PRIMARY KEY,
  source_series_uid text NOT NULL,
  revision          integer NOT NULL,
  destination       text NOT NULL,
  -- Round of the delivery in which it was asked.
  round             integer NOT NULL,
  requested_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- The destination answered the N-ACTION with success.
  accepted_at       timestamptz,
  reported_at       timestamptz,
  FOREIGN KEY (source_series_uid, revision, destination) REFERENCES raunet.delivery ON DELETE CASCADE
);
CREATE INDEX commitment_by_delivery ON raunet.commitment (source_series_uid, revision, destination);

CREATE TABLE raunet.commitment_instance (
  transaction_uid  text NOT NULL REFERENCES raunet.commitment ON DELETE CASCADE,
  sop_instance_uid text NOT NULL,
  -- Null: not reported on. 0: committed. Else the failure reason (0008,1197).
  outcome          integer,
  PRIMARY KEY (transaction_uid, sop_instance_uid)
);

-- A peer asked.
CREATE TABLE raunet.commitment_request (
  calling_ae      text NOT NULL,
  transaction_uid text NOT NULL,
  called_ae       text NOT NULL,
  calling_address text NOT NULL,
  -- [{"sopClassUid", "sopInstanceUid"}]
  instances       jsonb NOT NULL,
  received_at     timestamptz NOT NULL DEFAULT now(),
  -- How often it was asked: an answer ends only the question that it was made for.
  times           integer NOT NULL DEFAULT 1,
  -- When it was reported, or given up.
  ended_at        timestamptz,
  PRIMARY KEY (calling_ae, transaction_uid)
);
