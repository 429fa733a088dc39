-- The ledger says each thing once. In history, '' as what was sent is all that the link says now, and '' as what was before is
-- nothing in each field that was sent.
DROP INDEX history_key;
DROP INDEX history_run;
DROP INDEX accepted_feed;
CREATE INDEX history_key ON history (key, entity);
CREATE INDEX history_run ON history (run);
CREATE INDEX accepted_feed ON accepted (feed) WHERE removed = 0;
