"""Rules train_arm, train_teacher and those of arms that share a job: arms on their tasks x a block of replicas -> curves, a
record of what made them, and the networks of a teacher."""

from informed_init.jobs import logged, say
from informed_init.runs.arm_job import train_arms

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        train_arms(job.params.arms, job.input, job.output, job.params.partial, say)
