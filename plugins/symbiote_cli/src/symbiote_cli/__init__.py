"""The ``symbiote`` command: plan, run, check and compare models, list plugins, look for faults."""

from symbiote_cli.app import main

__all__ = ["main"]
