"""One file per revision, named after it: `alembic revision --rev-id r0002 -m "…"`."""
