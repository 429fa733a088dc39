-- What links that were set at once have in common stands once: who set them, and how their keys begin and end. The step that made a link
-- stands in the link itself, as the fate of its setting, and in history once something else happens to its key.
CREATE TABLE settings (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    entity  TEXT    NOT NULL,
    head    TEXT    NOT NULL, -- of each key
    tail    TEXT    NOT NULL,
    feed    TEXT    NOT NULL,
    drop_id INTEGER NOT NULL,
    run     INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    fate    TEXT    NOT NULL  -- by which links were made, where they tell that themselves
);
INSERT INTO settings (entity, head, tail, feed, drop_id, run, at, fate)
    SELECT DISTINCT entity, '', '', feed, drop_id, run, at, '' FROM accepted;

CREATE TABLE kept (
    link    INTEGER PRIMARY KEY AUTOINCREMENT,
    setting INTEGER NOT NULL,
    key     TEXT    NOT NULL, -- without the setting's head and tail
    oro_id  TEXT    NOT NULL, -- a UUID in it is shortened
    content TEXT    NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0,
    made    INTEGER NOT NULL DEFAULT 0, -- 1: the step that made the link stands here
    line    INTEGER NOT NULL DEFAULT 0,
    origins TEXT    NOT NULL DEFAULT '' -- JSON: the drops that set fields before, where the setting's has not set them since
);
INSERT INTO kept (link, setting, key, oro_id, content, removed, line, origins)
    SELECT a.link, s.id, a.key, a.oro_id, a.content, a.removed, a.line, a.origins FROM accepted a
    JOIN settings s ON s.entity = a.entity AND s.feed = a.feed AND s.drop_id = a.drop_id AND s.run = a.run AND s.at = a.at ORDER BY a.link;
DELETE FROM sqlite_sequence WHERE name = 'kept';
INSERT INTO sqlite_sequence (name, seq) SELECT 'kept', seq FROM sqlite_sequence WHERE name = 'accepted';
DROP TABLE accepted;
ALTER TABLE kept RENAME TO accepted;
CREATE INDEX accepted_setting ON accepted (setting, made);
CREATE INDEX settings_run ON settings (run);

-- Links as they were set: whoever reads them reads these.
CREATE VIEW linked AS SELECT a.link, s.entity, s.head || a.key || s.tail AS key, a.oro_id, a.content, a.removed, s.feed, s.drop_id, s.run,
    a.line, a.origins, s.at, CASE WHEN a.made = 1 THEN s.fate ELSE '' END AS made FROM accepted a JOIN settings s ON s.id = a.setting;
