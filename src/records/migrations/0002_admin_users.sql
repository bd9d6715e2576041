-- Who may use the admin pages. Of a secret only its SHA-256 (hex) is kept: each is 256 random bits.

CREATE TABLE raunet.admin_token (
  name       text PRIMARY KEY,
  role       text NOT NULL,
  sha256     text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz
);

-- A browser that signed in, on whichever machine.
CREATE TABLE raunet.admin_session (
  sha256     text PRIMARY KEY,
  name       text NOT NULL,
  role       text NOT NULL,
  -- By which token; null: by OpenID Connect. The session ends with its token.
  token_name text REFERENCES raunet.admin_token ON DELETE CASCADE,
  expires_at timestamptz NOT NULL
);
