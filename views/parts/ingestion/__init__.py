"""Parts of the page Ingestion."""
