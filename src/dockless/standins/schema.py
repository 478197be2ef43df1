"""The tables of the stand-ins. Apart from what makes them, which an engine imports when the first is asked for."""

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS standin_layers (key TEXT PRIMARY KEY, diff_id TEXT NOT NULL, made REAL NOT NULL)",
    "CREATE TABLE IF NOT EXISTS standin_images (key TEXT PRIMARY KEY, image_id TEXT NOT NULL, made REAL NOT NULL)",
    "CREATE TABLE IF NOT EXISTS standin_names (name TEXT PRIMARY KEY, image_id TEXT NOT NULL, edition TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS standin_aside (name TEXT PRIMARY KEY, image_id TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS standin_version (version TEXT NOT NULL)",
)
