//! The page in a real browser: the stories are in `browser/*.mjs`, run here by Node with a limit.
