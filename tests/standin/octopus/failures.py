"""The two ways in which a command fails."""


class ControlledFailureError(Exception):
    """A failure the user can do something about: a message only, exit code 1."""


class UnknownCommandError(Exception):
    """There is no such verb: the help text and exit code 2."""


class TerminatedError(BaseException):
    """A signal ended the command; .NET's exit code is 128 + the signal."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.code = 128 + signum
