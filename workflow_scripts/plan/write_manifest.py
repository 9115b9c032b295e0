"""Rule write_manifest: what made a run -> results/<run>/manifest.json."""

from pathlib import Path

from informed_init.jobs import logged, write_record
from informed_init.plan.place import workflow_folder
from informed_init.plan.provenance import manifest

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        output = Path(job.output[0])
        write_record(output, manifest(job.params.config, output.parent, job.input.records, workflow_folder()))
