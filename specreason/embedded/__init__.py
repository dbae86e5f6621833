"""A real Postgres and a real Valkey on one machine, for the default mode and for tests. Linux only."""

from specreason.embedded.servers import Servers, start_servers

__all__ = ["Servers", "start_servers"]
