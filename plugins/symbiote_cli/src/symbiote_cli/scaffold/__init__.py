"""Making the package of a new plugin: its names, what its kernel replaces, and its files."""
