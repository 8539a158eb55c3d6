"""What a person is told when something cannot start."""


class CannotStartError(Exception):
    """Something cannot start; the message is a sentence that says what is wrong and what to do."""
