-- Decisions of other systems that carried a key of their sender's, with the answers.
CREATE TABLE promises (
  caller TEXT NOT NULL,
  key    TEXT NOT NULL,
  digest TEXT NOT NULL,
  status INTEGER NOT NULL DEFAULT 0,
  answer BLOB NOT NULL DEFAULT '',
  at     INTEGER NOT NULL,
  PRIMARY KEY (caller, key)
) WITHOUT ROWID;
