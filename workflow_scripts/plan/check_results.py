"""Compare a run's published files with their checksums, or write the checksums.

python workflow_scripts/plan/check_results.py results/study            compare; rule check_results does the same
python workflow_scripts/plan/check_results.py --write results/study    write results/study/SHA256SUMS anew
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where it is started by hand

from informed_init.errors import InputError
from informed_init.files import write_text
from informed_init.plan.provenance import check_sums, write_sums


def main(arguments: list[str]) -> str:
    """Compare or write; what came of it in one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="the folder of a run, e.g. results/study")
    parser.add_argument("--write", action="store_true", help="write the checksums of what is there")
    asked = parser.parse_args(arguments)
    if asked.write:
        return f"{asked.folder}: checksums of {write_sums(asked.folder)} files written"
    count, unlisted = check_sums(asked.folder)
    rest = f"; not published with them: {len(unlisted)} more" if unlisted else ""
    return f"{asked.folder}: {count} published files are what they were{rest}"


if __name__ == "__main__":
    job = globals().get("snakemake")
    try:
        said = main([job.params.folder] if job else sys.argv[1:])
    except InputError as error:
        sys.exit(str(error))
    print(said)
    if job:
        write_text(job.log[0], said + "\n")
