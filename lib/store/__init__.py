"""The only room that touches disk, database and environment."""
