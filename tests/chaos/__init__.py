"""The chaos run: real servers and real workers under a seeded monkey, then an audit in SQL. `make chaos`."""
