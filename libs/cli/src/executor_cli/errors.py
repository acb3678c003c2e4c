"""What ends a command with a sentence instead of a traceback."""


class CommandError(Exception):
    """Printed to stderr as it stands; the command exits with status 1."""
