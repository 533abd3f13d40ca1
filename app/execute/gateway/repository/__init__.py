"""`/git` and `/github`: reading the run's own repository with a token that no sandbox sees."""
