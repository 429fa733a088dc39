-- The ledger says each thing once. In history, '' as what was sent is all that the link says now, and '' as what was before is
-- nothing in each field that was sent.
DROP INDEX history_key;
DROP INDEX history_run;
DROP INDEX accepted_feed;
CREATE INDEX history_key ON history (key, entity);
CREATE INDEX history_run ON history (run);
CREATE INDEX accepted_feed ON accepted (feed) WHERE removed = 0;

-- The drop that stands last in a feed's order, of those in a state.
CREATE INDEX drops_rank ON drops (feed, state, place) WHERE place <> '';
