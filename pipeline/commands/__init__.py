"""The command line, one command a file; printing and exit codes are here only."""
