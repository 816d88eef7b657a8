"""The command line: ``facemeld``."""


def run() -> None:
    """Entry point of the ``facemeld`` command.

    The commands are loaded here and not with this module, because every worker process loads the program's main module once more.
    """
    from facemeld.cli.main import main

    main()
