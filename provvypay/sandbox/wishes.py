"""Wishes of a person or a test that cannot be granted."""


class CannotDo(Exception):
    """A wish that does not fit what is there; nothing was changed.

    :ivar status: the HTTP status that says so
    """

    def __init__(self, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.status = status
