-- Changes of admin_token that the audit trail has not told of yet: written in the transaction of the change, and removed
-- when they stand in the trail of whichever process tells first. So no token is made without its message, by no command.
CREATE TABLE raunet.admin_token_change (
  id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  at      timestamptz NOT NULL DEFAULT now(),
  name    text NOT NULL,
  role    text NOT NULL,
  action  text NOT NULL CHECK (action IN ('created', 'revoked')),
  -- Who did it, and from where.
  actor   text NOT NULL,
  address text NOT NULL
);
