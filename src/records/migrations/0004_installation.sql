-- Which data folder these records are of: services on several machines must share one.
CREATE TABLE raunet.installation (
  id  text NOT NULL,
  -- One row.
  one boolean PRIMARY KEY DEFAULT true CHECK (one)
);
