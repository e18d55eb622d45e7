"""``python -m symbiote_cli`` is the ``symbiote`` command."""

from symbiote_cli.app import main

if __name__ == "__main__":
    main()
