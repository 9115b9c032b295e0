"""What the paper claims, as contrasts of arms that decide it, and the rule by which a claim is judged."""

from dataclasses import dataclass

# What counts as "no difference" where a claim says so: half of the four points that claim (a) is about.
MARGIN = 2.0

VERDICT_RULE = (
    "A contrast is *as claimed* when the whole 95 % interval of its paired difference lies where the claim "
    "puts it, *not as claimed* when no part of it does, *open* otherwise. A claim is SUPPORTED when all its "
    "contrasts are as claimed and its p-value, the largest of theirs, is below 0.05 after Holm's correction "
    "over all claims that were run under that protocol; NOT SUPPORTED when a contrast is not as claimed; "
    f'UNDECIDED otherwise. "Equally good" and "does not matter" mean within ±{MARGIN:g} points, "does not '
    f'help" and "no better" mean a gain below {MARGIN:g} points.'
)


@dataclass(frozen=True)
class Contrast:
    """A paired difference that a claim is about: mean of the ``plus`` arms minus mean of the ``minus`` arms.

    Claimed is that it is ``greater`` or ``less`` than ``threshold`` points or within +-``threshold``
    (``equivalent``). ``published`` is the difference of the published means at the last epoch, in points.
    """

    plus: tuple[str, ...]
    minus: tuple[str, ...]
    direction: str
    threshold: float
    published: float
    name: str = ""

    @property
    def arms(self) -> tuple[str, ...]:
        """All arms that have to be trained for it."""
        return (*self.plus, *self.minus)

    @property
    def text(self) -> str:
        """What is claimed, e.g. ``euclid-k2 - random > 4``; ``name`` replaces the arms."""
        arms = self.name or " - ".join(" + ".join(side) for side in (self.plus, self.minus))
        sign = {"greater": "> ", "less": "< ", "equivalent": "within ±"}[self.direction]
        return f"{arms} {sign}{self.threshold:g}"


@dataclass(frozen=True)
class Claim:
    """A claim of the paper and the contrasts that decide it."""

    key: str
    text: str
    contrasts: tuple[Contrast, ...]


def _each(direction: str, threshold: float, *triples: tuple[str, str, float]) -> tuple[Contrast, ...]:
    """Contrasts of single arms from (plus, minus, published difference)."""
    return tuple(Contrast((plus,), (minus,), direction, threshold, published) for plus, minus, published in triples)


_KS = (2, 3, 10, 30, 50)

# Published numbers: differences of the mean accuracies at epoch 15 in the paper's published curves. The arms
# euclid-k10 and fourier-k10 were trained for three families there; claims (c) and (d) quote their own family.
CLAIMS = (
    Claim(
        "a",
        "Clustering beats random by more than 4 points and Gabor by more than 2",
        _each("greater", 4.0, ("euclid-k2", "random", 4.83), ("fourier-k2", "random", 5.00))
        + _each("greater", 2.0, ("euclid-k2", "gabor-1", 2.57), ("fourier-k2", "gabor-1", 2.74)),
    ),
    Claim(
        "b",
        "Any k > 1 is about equally good, k = 1 is bad",
        _each(
            "equivalent",
            MARGIN,
            ("euclid-k3", "euclid-k2", -0.41),
            ("euclid-k10", "euclid-k2", -1.90),
            ("euclid-k30", "euclid-k2", -2.50),
            ("euclid-k50", "euclid-k2", -2.44),
            ("fourier-k3", "fourier-k2", -0.71),
            ("fourier-k10", "fourier-k2", -0.44),
            ("fourier-k30", "fourier-k2", -1.08),
            ("fourier-k50", "fourier-k2", -0.80),
        )
        + _each("less", -MARGIN, ("euclid-k1", "euclid-k2", -5.50), ("fourier-k1", "fourier-k2", -5.21)),
    ),
    Claim(
        "c",
        "More clustered layers help (17 against 1 and 6)",
        _each(
            "greater",
            0.0,
            ("euclid-k10", "euclid-l1", 2.59),
            ("euclid-k10", "euclid-l6", 2.03),
            ("fourier-k10", "fourier-l1", 4.21),
            ("fourier-k10", "fourier-l6", 2.96),
        ),
    ),
    Claim(
        "d",
        "The number of source models does not matter (20 and 10 against 2)",
        _each(
            "equivalent",
            MARGIN,
            ("euclid-m20", "euclid-m2", 0.07),
            ("euclid-k10", "euclid-m2", 0.22),
            ("fourier-m20", "fourier-m2", 0.29),
            ("fourier-k10", "fourier-m2", 0.38),
        ),
    ),
    Claim(
        "e",
        "On the first layer alone Gabor beats clustering",
        _each("greater", 0.0, ("gabor-1", "euclid-l1", 1.43), ("gabor-1", "fourier-l1", 2.36)),
    ),
    Claim(
        "f",
        "Gabor beyond the first layer hurts",
        _each(
            "less",
            0.0,
            ("gabor-2", "gabor-1", -0.61),
            ("gabor-6", "gabor-1", -3.13),
            ("gabor-10", "gabor-1", -11.44),
            ("gabor-17", "gabor-1", -22.80),
        ),
    ),
    Claim(
        "g",
        "Alignment does not help",
        _each(
            "less",
            MARGIN,
            ("custom-aligned-1", "custom-random", 0.02),
            ("custom-aligned-2", "custom-random", -0.27),
            ("custom-aligned-4", "custom-random", -0.10),
        ),
    ),
    Claim(
        "h",
        "The gain carries over to Tiny ImageNet",
        _each("greater", 0.0, ("tiny-clustered", "tiny-random", 4.45)),
    ),
    Claim(
        "i",
        "Fourier is marginally better than euclid",
        (
            Contrast(("fourier-k2",), ("euclid-k2",), "greater", 0.0, 0.17),
            Contrast(
                tuple(f"fourier-k{k}" for k in _KS),
                tuple(f"euclid-k{k}" for k in _KS),
                "greater",
                0.0,
                1.01,
                "mean of fourier - mean of euclid over k = 2, 3, 10, 30, 50",
            ),
        ),
    ),
    Claim(
        "j",
        "A pretrained model is no better than random",
        _each("less", MARGIN, ("pretrained", "random", -0.08)),
    ),
)
