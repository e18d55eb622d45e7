"""The runtimes on the real TTNN."""
