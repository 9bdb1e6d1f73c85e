-- How containers ended. Times are nanoseconds since 1970, by the engine's clock. A record is a version byte and its JSON;
-- the columns beside it are what is searched for.
CREATE TABLE deaths (
    id        INTEGER PRIMARY KEY,
    host      TEXT NOT NULL,
    container TEXT NOT NULL,
    ended     INTEGER NOT NULL,
    name      TEXT,
    record    BLOB NOT NULL,
    UNIQUE (host, container, ended)
) STRICT;
CREATE INDEX deaths_by_time ON deaths (ended, id);
CREATE INDEX deaths_by_host ON deaths (host, ended, id);
CREATE INDEX deaths_by_name ON deaths (host, name, ended);
