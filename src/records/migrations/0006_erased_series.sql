-- Series that retention erased, kept for good: one that is sent again makes new instances, since the bytes of the old ones
-- are gone and a UID must never stand for two. No reference: the history of a series is forgotten after a year, this is not.
CREATE TABLE raunet.erased_series (
  series_uid              text PRIMARY KEY,
  times                   integer NOT NULL,
  -- The report that was delivered last, which the next one supersedes; null: there was none.
  report_series_uid       text,
  report_sop_class_uid    text,
  report_sop_instance_uid text
);

INSERT INTO raunet.erased_series (series_uid, times)
  SELECT series_uid, 1 FROM raunet.series WHERE erased_at IS NOT NULL;
