-- Signatures of what was unwrapped, so that none is taken twice, and the drops that carried them first.
CREATE TABLE signatures (
    feed    TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    made    INTEGER NOT NULL, -- by the signer's clock
    drop_id INTEGER NOT NULL,
    PRIMARY KEY (feed, id)
) WITHOUT ROWID;

CREATE INDEX drops_settled ON drops (feed, settled_at) WHERE settled_at > 0;
