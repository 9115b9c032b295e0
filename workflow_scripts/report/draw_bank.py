"""Rule draw_bank: a bank -> a picture of the filters of some of its layers, with their shares."""

from informed_init.banks.bank import Bank
from informed_init.jobs import logged
from informed_init.report.figures.drawings import draw_bank

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        paths = job.output.png, job.output.svg, job.output.csv
        draw_bank(Bank.load(job.input.bank), job.params.layers, job.params.title, *paths)
