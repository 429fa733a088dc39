-- Of the work that is a bridge's own, what takes long: bridges share that evenly, too.
ALTER TABLE bridges ADD COLUMN long TEXT NOT NULL DEFAULT '[]'; -- JSON
