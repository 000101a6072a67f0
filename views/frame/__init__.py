"""What every page shares: filters, header, tables, look."""
