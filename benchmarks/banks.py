"""What a bank costs on this machine: one layer's k-means against scikit-learn's on all filters, and a whole bank.

    python benchmarks/banks.py FILE.safetensors [FILE ...] [--models 10] [--rounds 3]

Reads source networks (results/<run>/sources/resnet18/*.safetensors), clusters the filters of layer4.1.conv2 with k = 10 by
scikit-learn's Lloyd on all of them (one start, 300 iterations at most, its defaults otherwise) and by `banks.cluster`, in
turns with the same seeds, and compares CPU times and inertias; then builds a Fourier bank with k = 10. One thread.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow_scripts"))

from informed_init import architectures
from informed_init.banks import bank as banks
from informed_init.banks import sources
from sklearn.cluster import KMeans

LAYER, K = "layer4.1.conv2", 10


def timed(work) -> tuple[float, object]:
    """CPU seconds of a call, and its result."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, help="files of source networks")
    parser.add_argument("--models", type=int, default=10, help="how many networks to use")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is timed")
    options = parser.parse_args()
    chosen = dict(list(sources.load(options.files).items())[: options.models])
    filters = banks.collect(chosen, LAYER)
    rows = filters.reshape(len(filters), -1)
    layers = [name for name, _ in banks.bankable_layers(architectures.build("resnet18", 10))]
    ratios, inertias = [], []
    with threadpool_limits(1):
        for seed in range(options.rounds):
            theirs, fit = timed(lambda seed=seed: KMeans(K, n_init=1, random_state=seed).fit(rows))
            ours, (_, _, inertia) = timed(lambda seed=seed: banks.cluster("euclid", K, filters, seed))
            ratios.append(theirs / ours)
            inertias.append(inertia / (fit.inertia_ / len(rows)))
            print(
                f"round {seed + 1}: scikit-learn {theirs:.1f} s, here {ours:.2f} s, inertia {inertias[-1]:.4f} of its",
                flush=True,
            )
        seconds = [
            timed(lambda: banks.build("fourier-real", chosen, layers, ("benchmark",), k=K))[0]
            for _ in range(options.rounds)
        ]
    print(f"k-means of {len(filters):,} filters of {LAYER}, k = {K}, {len(chosen)} networks:")
    print(f"  x{statistics.median(ratios):.1f} [{min(ratios):.1f}-{max(ratios):.1f}] scikit-learn on all filters")
    print(f"  inertia {max(inertias):.4f} of scikit-learn's at most")
    spread = f"{statistics.median(seconds):.1f} s [{min(seconds):.1f}-{max(seconds):.1f}]"
    print(f"bank: Fourier, k = {K}, {len(chosen)} networks: {spread}")


if __name__ == "__main__":
    main()
