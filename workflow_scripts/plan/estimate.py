"""Rule estimate: how long the run will take, by rule and in all; reads the config and records, starts nothing."""

import sys

from informed_init.errors import InputError
from informed_init.files import write_text
from informed_init.plan.estimate import estimate, rates, report

if __name__ == "__main__":
    params = snakemake.params  # noqa: F821
    # Snakemake's own names for --cores and --jobs; on a cluster, where there are no cores, jobs run at once
    slots = params.given.get("_cores") or params.given.get("_nodes")
    try:
        done = estimate(params.config, rates(params.records))
        said = report(done, params.config, slots, params.given.get("gpu"))
        print(said)
        write_text(snakemake.log[0], said + "\n")  # noqa: F821
    except InputError as error:
        sys.exit(str(error))
