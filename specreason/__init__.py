"""SpecReason Pipeline: step-level speculative reasoning over queued workloads."""

from importlib.metadata import version

__version__ = version("specreason")
