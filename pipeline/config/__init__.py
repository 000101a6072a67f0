"""Settings, clock, secrets, errors and wording: the ground floor, which imports nothing of the project."""
