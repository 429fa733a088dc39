-- The step that made a link stands in the link itself, as its fate, and in history once something else happens to its key.
ALTER TABLE accepted ADD COLUMN made TEXT NOT NULL DEFAULT '';
CREATE INDEX accepted_made ON accepted (run) WHERE made <> '';

-- What a feed has set is found among the links of its entity, which need no index of their own for that.
DROP INDEX accepted_feed;
