"""One file per revision: `alembic revision --rev-id 0002 -m "…"`."""
