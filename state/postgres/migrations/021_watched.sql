-- How many changes a batch carries, for those who watch how far a run is.
ALTER TABLE batches ADD COLUMN n BIGINT NOT NULL DEFAULT 0;
-- A content is looked for in all feeds.
DROP INDEX drops_content;
CREATE INDEX drops_content ON drops (sha256) WHERE sha256 <> '';
