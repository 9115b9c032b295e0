"""Compare a run's published files with their checksums, or write the checksums.

python workflow_scripts/check_results.py results/study            compare; rule check_results does the same
python workflow_scripts/check_results.py --write results/study    write results/study/SHA256SUMS anew
"""

import argparse
import sys

from informed_init.errors import InputError
from informed_init.provenance import check_sums, write_sums


def main(arguments: list[str]) -> None:
    """Compare or write, and say in one line what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="the folder of a run, e.g. results/study")
    parser.add_argument("--write", action="store_true", help="write the checksums of what is there")
    asked = parser.parse_args(arguments)
    if asked.write:
        print(f"{asked.folder}: checksums of {write_sums(asked.folder)} files written")
        return
    count, unlisted = check_sums(asked.folder)
    rest = f"; not published with them: {len(unlisted)} more" if unlisted else ""
    print(f"{asked.folder}: {count} published files are what they were{rest}")


if __name__ == "__main__":
    try:
        main([snakemake.params.folder] if "snakemake" in globals() else sys.argv[1:])  # noqa: F821
    except InputError as error:
        sys.exit(str(error))
