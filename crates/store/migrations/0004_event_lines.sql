-- Of how many of the newest lines, its own included, it was not sure when a record was told that everything older in the
-- engine's memory had been told before. NULL where that is not known.
ALTER TABLE events ADD COLUMN unsure INTEGER;
