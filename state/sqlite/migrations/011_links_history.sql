-- What happened to a key that has a link is kept with the link's number, and without entity and key: these stand in links and in
-- accepted already. Without a link they stand in history itself.
CREATE TABLE steps (
    id      INTEGER PRIMARY KEY,
    link    INTEGER,          -- NULL: the key has no link, and stands here
    entity  TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    drop_id INTEGER NOT NULL,
    run     INTEGER NOT NULL,
    line    INTEGER NOT NULL,
    fate    TEXT    NOT NULL,
    sent    TEXT    NOT NULL, -- '': all that the link says now
    before  TEXT    NOT NULL, -- '': nothing in each field of sent
    detail  TEXT    NOT NULL,
    at      INTEGER NOT NULL
);
INSERT INTO steps SELECT h.id, l.id, iif(l.id IS NULL, h.entity, ''), iif(l.id IS NULL, h.key, ''), h.drop_id, h.run, h.line, h.fate,
    h.sent, h.before, h.detail, h.at FROM history h LEFT JOIN links l ON l.entity = h.entity AND l.key = h.key;
DROP TABLE history;
ALTER TABLE steps RENAME TO history;
CREATE INDEX history_key ON history (key, entity) WHERE link IS NULL;
CREATE INDEX history_link ON history (link) WHERE link IS NOT NULL;
CREATE INDEX history_run ON history (run);
