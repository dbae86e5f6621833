"""The page of a job: its question, its result, and every step of its trace."""
