"""Rule estimate: how long the run will take, by rule and in all; reads the config and records, starts nothing."""

import sys

from informed_init.errors import InputError
from informed_init.estimate import estimate, rates, report

if __name__ == "__main__":
    params = snakemake.params  # noqa: F821
    # Snakemake's own names for --cores and --jobs; on a cluster, where there are no cores, jobs run at once
    slots = params.given.get("_cores") or params.given.get("_nodes")
    try:
        done = estimate(params.config, rates(params.records))
        print(report(done, params.config, slots, params.given.get("gpu")))
    except InputError as error:
        sys.exit(str(error))
