"""Background jobs and the scheduler that runs them; the only folder that imports apscheduler."""
