-- Whose term each piece of work is in: what is written within an earlier one is refused.
CREATE TABLE terms (
    work   TEXT    PRIMARY KEY, -- "load products@b2b"
    number INTEGER NOT NULL,    -- of the work's terms
    worker TEXT    NOT NULL     -- who has it, in one life
);
