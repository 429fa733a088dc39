-- Alarms with their lives. Several pieces of work that one alarm is of stand in one text, by ", ".
CREATE TABLE alarms (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    alarm        TEXT    NOT NULL,
    of_work      TEXT    NOT NULL,
    n            INTEGER NOT NULL,
    text         TEXT    NOT NULL,
    file         TEXT    NOT NULL DEFAULT '',
    drop_id      INTEGER NOT NULL DEFAULT 0,
    doc          TEXT    NOT NULL DEFAULT '', -- the first order
    begun        INTEGER NOT NULL,
    raised       INTEGER NOT NULL DEFAULT 0,
    gone         INTEGER NOT NULL DEFAULT 0,
    cleared      INTEGER NOT NULL DEFAULT 0,
    acknowledged INTEGER NOT NULL DEFAULT 0,
    snoozed      INTEGER NOT NULL DEFAULT 0,
    who          TEXT    NOT NULL DEFAULT '',
    why          TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX alarms_cleared ON alarms (cleared);

-- What routes are told: owed before it is sent, told once it was.
CREATE TABLE messages (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    route   TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    alarm   INTEGER NOT NULL DEFAULT 0,
    letter  TEXT    NOT NULL, -- JSON
    owed    INTEGER NOT NULL,
    due     INTEGER NOT NULL,
    told    INTEGER NOT NULL DEFAULT 0,
    tries   INTEGER NOT NULL DEFAULT 0,
    trouble TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX messages_owed ON messages (id) WHERE told = 0;
CREATE INDEX messages_alarm ON messages (alarm) WHERE alarm <> 0;

-- When the drops of a feed came.
CREATE INDEX drops_came ON drops (feed, seen_at);
