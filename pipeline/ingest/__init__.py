"""Files and streams become rows: recognised, read by DuckDB, validated, loaded in one transaction a batch."""
