"""The errors for mistakes that a user can fix."""


class EgotapError(Exception):
    """Bad input: a file, a key or a value.

    The message names the input and says how to fix it; `egotap` prints it without a traceback.
    """


class Damaged(EgotapError):
    """A file whose content cannot be right. A file that is missing, foreign or of a newer version is not damaged."""
