"""The databases of the integration tests."""

from tests.integration.conftest import administration, database, database_url, servers

__all__ = ["administration", "database", "database_url", "servers"]
