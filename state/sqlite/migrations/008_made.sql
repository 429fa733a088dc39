-- Drops that the bridge itself has made: what of, in words.
ALTER TABLE drops ADD COLUMN made TEXT NOT NULL DEFAULT '';
