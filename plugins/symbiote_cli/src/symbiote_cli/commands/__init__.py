"""The commands, one module each: ``HELP``, ``EXAMPLES`` for the foot of it, and ``command``."""
