"""The one exception for bad input."""


class InputError(ValueError):
    """Something given by the user cannot be used; the message is one line that names the thing and the remedy."""
