"""What a job says while it trains: one line a training."""

from collections.abc import Callable, Mapping


class Progress:
    """One line a training, with the time left estimated from the trainings done so far."""

    def __init__(self, total: int, log: Callable[[str], None]):
        self.total, self.log = total, log
        self.done = self.trained = 0
        self.seconds = 0.0

    def resumed(self, name: str) -> None:
        """A training that an earlier job finished."""
        self.done += 1
        self.log(f"[{self.done}/{self.total}] {name}: taken over from an earlier job")

    def finished(self, name: str, row: Mapping, seconds: float) -> None:
        """A training that this job finished."""
        self.done += 1
        self.trained += 1
        self.seconds += seconds
        left = self.seconds / self.trained * (self.total - self.done)
        result = "diverged" if row["diverged"] else f"val {row['val_accuracy']:.2f} %"
        self.log(f"[{self.done}/{self.total}] {name}: {result}, {seconds:.0f} s, {_duration(left)} left")


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{minutes} min"
        if minutes < 90
        else f"{minutes // 60} h {minutes % 60} min"
    )
