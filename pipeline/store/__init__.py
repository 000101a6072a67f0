"""The lake and everything that touches it; the only folder that imports duckdb."""
