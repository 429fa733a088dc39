-- A file that several shops' feeds load is one drop, and each of them has a part of it: a drop that names the first.
ALTER TABLE drops ADD COLUMN front BIGINT NOT NULL DEFAULT 0;
CREATE INDEX drops_parts ON drops (front) WHERE front > 0;
