-- The bridges that share the work on a ledger. Whoever writes says which one it is: one that was thought dead is not here any more,
-- and is refused when it wakes up.
CREATE TABLE bridges (
    id      TEXT    PRIMARY KEY, -- of one life of a bridge
    name    TEXT    NOT NULL,    -- of its machine and process
    version TEXT    NOT NULL,
    config  TEXT    NOT NULL DEFAULT '', -- which work it knows, as a hash
    lock    BIGINT  NOT NULL,    -- the advisory lock that its session has
    began   BIGINT  NOT NULL,
    seen    BIGINT  NOT NULL,    -- by the database's clock, as began
    doing   TEXT    NOT NULL DEFAULT '[]', -- the work that is its own now, JSON
    drained BIGINT  NOT NULL DEFAULT 0
);
CREATE OR REPLACE FUNCTION turn(lock BIGINT, mine TEXT) RETURNS TEXT LANGUAGE plpgsql SET search_path FROM CURRENT AS
$$ BEGIN
    PERFORM pg_advisory_xact_lock(lock);
    IF mine <> '' AND NOT EXISTS (SELECT 1 FROM bridges WHERE id = mine) THEN
        RAISE EXCEPTION 'another bridge has taken the work over' USING ERRCODE = 'OB001';
    END IF;
    RETURN pg_current_xact_id()::text;
END $$;
DROP TABLE holder;
