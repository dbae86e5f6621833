"""The page of a batch: how far it is, what it found, and its jobs."""
