"""Rules train_arm and train_teacher: one arm on its tasks x a block of replicas -> curves, a record of what made them, and
the networks of a teacher."""

from informed_init.banks import sources
from informed_init.banks.bank import Bank
from informed_init.columns import write_rows
from informed_init.files import write_checksum
from informed_init.jobs import logged, made_by, say, write_record
from informed_init.runs.arms import train_arm
from informed_init.runs.data import Data
from informed_init.runs.partial import Partial, digest_of

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        spec, output = job.params.spec, job.output.get("networks")
        resources = {replica: {} for replica in spec["replicas"]}
        for replica, path in zip(spec["replicas"], job.input.get("banks", []), strict=False):
            resources[replica]["bank"] = Bank.load(path)
        available = sources.load(job.input.get("sources", []))
        for replica in spec["replicas"] if available else []:
            resources[replica]["source"] = sources.choose_source(available, replica)
        if teachers := job.input.get("teachers"):
            for replica in spec["replicas"]:
                resources[replica]["teachers"] = sources.load([teachers])
        digest = digest_of(spec, job.input)
        partial = Partial(job.params.partial, digest)
        data = Data.load(job.input.train, job.input.test)
        rows, trainings, networks = train_arm(spec, data, resources, partial, say, keep=output is not None)
        if output:
            sources.save(output, networks, {"architecture": spec["architecture"]})
            write_checksum(output)
        write_rows(rows, job.output.curves)
        facts = {"spec": spec, "digest": digest, "trainings": trainings}
        facts["sources"] = {r: source["source"].name for r, source in resources.items() if "source" in source}
        write_record(job.output.record, made_by(**facts))
        partial.remove()
