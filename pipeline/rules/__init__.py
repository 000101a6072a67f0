"""Health rules, the incidents they open and close, and backtests."""
