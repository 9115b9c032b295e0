"""Rule measure_bank: a bank -> the filters of some of its layers with their shares (Figure 10)."""

from informed_init.banks.bank import Bank
from informed_init.jobs import logged
from informed_init.report.curves import write_csv
from informed_init.report.kernels import bank_table

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        write_csv(bank_table(Bank.load(job.input.bank), job.params.layers), job.output[0])
