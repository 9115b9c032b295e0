"""The one exception for bad input."""


class InputError(ValueError):
    """Something given by the user cannot be used; the message is one line that names the thing and the remedy."""


def some(items: list, shown: int = 5) -> str:
    """``a, b, c`` or the first few and how many more, for one line."""
    text = ", ".join(str(item) for item in items[:shown])
    return text if len(items) <= shown else f"{text} and {len(items) - shown} more"
