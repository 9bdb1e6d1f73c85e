-- Events of hosts, as their followers told them. A run is one life of a follower: sequences count within it.
CREATE TABLE event_runs (
    id    INTEGER PRIMARY KEY,
    host  TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    UNIQUE (host, epoch)
) STRICT;

-- In the order of id, which is that of telling. A row is an event (kind and what follows), or a gap (reason, from_at,
-- to_at). marks: 1 synthetic, 2 late. line is the hash that the next run knows it by; attributes are a JSON object.
CREATE TABLE events (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    run         INTEGER NOT NULL REFERENCES event_runs (id),
    seq         INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    line        BLOB,
    at          INTEGER NOT NULL,
    kind        TEXT,
    action      TEXT,
    object      TEXT,
    attributes  TEXT,
    scope       TEXT,
    marks       INTEGER NOT NULL DEFAULT 0,
    reason      TEXT,
    to_at       INTEGER,
    UNIQUE (run, seq)
) STRICT;
CREATE INDEX events_by_time ON events (received_at);
