"""The parts of the page Query."""
