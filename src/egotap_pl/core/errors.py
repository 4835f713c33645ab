"""The error that a user can mend."""


class EgotapError(Exception):
    """Bad input: a file, a key or a value. The message names it and says the remedy; `egotap` prints it alone."""
