"""Rule audit: all curves -> the paper's claims with verdicts, what each control keeps of the gain, and the arms at
their own best learning rates."""

from informed_init.files import write_text
from informed_init.jobs import logged
from informed_init.report.audit import attribution_parts, attributions, audit, audit_parts
from informed_init.report.best_rates import best_rates, best_rates_parts
from informed_init.report.curves import read_curves, write_csv
from informed_init.report.tables import document, page

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        curves, recipe, chance = read_curves(job.input.curves), job.params.recipe, job.params.chance
        arms, recipes = job.params.rate_arms, job.params.recipes
        claims = audit(curves, recipe=recipe, chance=chance)
        shares = attributions(curves, protocols=job.params.protocols, recipes=recipes, arms=arms, chance=chance)
        rates = best_rates(curves, arms, job.params.rates, chance=chance)

        write_csv(claims, job.output.audit_csv)
        write_csv(shares, job.output.attribution_csv)
        write_csv(rates, job.output.best_rates_csv)
        parts = audit_parts(claims), attribution_parts(shares), best_rates_parts(rates)
        write_text(job.output.audit_markdown, document(parts[0]))
        write_text(job.output.attribution_markdown, document(parts[1]))
        write_text(job.output.best_rates_markdown, document(parts[2]))
        if job.output.get("html"):  # Snakemake's report shows pages, but neither Markdown nor CSV
            whole = [*parts[0], "## What each control keeps of the gain", *parts[1]]
            whole += ["## Every arm at its own best learning rate", *parts[2]]
            write_text(job.output.html, page("Audit of the paper's claims", whole))
