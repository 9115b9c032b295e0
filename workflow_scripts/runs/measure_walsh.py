"""Rule measure_walsh: the pretrainings of some arms, made anew from the seeds of replica 0 -> what they saw."""

from informed_init.jobs import logged, say
from informed_init.report.curves import write_csv
from informed_init.runs.data import Data
from informed_init.runs.pretrainings import measure

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        tables = measure(job.params.specs, Data.load(job.input.train, job.input.test), say)
        for name, table in tables.items():
            write_csv(table, job.output[name])
