"""The errors for mistakes that a user can fix."""


class EgotapError(Exception):
    """Bad input: a file, a key or a value.

    The message names the input and says how to fix it; `egotap` prints it without a traceback.
    """


class Damaged(EgotapError):
    """A file whose content cannot be right. A file that is missing, foreign or of a newer version is not damaged."""


def first_line(error: BaseException) -> str:
    """What another package's error says, for a message of our own; the name of its class if it says nothing.

    >>> first_line(ValueError("no such field\\nat line 3"))
    'no such field'
    >>> first_line(RecursionError())
    'RecursionError'
    """
    return next(iter(str(error).splitlines()), type(error).__name__)
