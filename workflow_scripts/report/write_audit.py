"""Rule audit: all curves -> the paper's claims with verdicts, what each control keeps of the gain, and the arms at
their own best learning rates."""

from informed_init.files import write_text
from informed_init.jobs import logged
from informed_init.report.audit import attribution_parts, attributions, audit, audit_parts
from informed_init.report.best_rates import best_rates, best_rates_parts
from informed_init.report.claims import CLAIMS, CONTROLS, FULL, OWN, RANDOM, name_of, named
from informed_init.report.curves import read_curves, write_csv
from informed_init.report.tables import document, page, with_facts

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        curves, chance, told = read_curves(job.input.curves), job.params.chance, job.params
        arms, places, pairs = told.arms, told.places, told.get("pairs")
        claims = named(CLAIMS, arms, places)
        random, full, *controls = (name_of(facts, OWN, arms, places) for facts in (RANDOM, FULL, *CONTROLS))
        recipes = {place: of["recipe"] for place, of in places.items()}
        verdicts = audit(curves, claims, recipes=recipes, chance=chance, pairs=pairs)
        shares = attributions(
            curves,
            protocols=told.protocols,
            recipes=told.recipes,
            baseline=random,
            full=full,
            controls=controls,
            arms=told.rate_arms,
            chance=chance,
            pairs=pairs,
        )
        rates = best_rates(curves, told.rate_arms, told.rates, baseline=random, chance=chance, pairs=pairs)

        write_csv(verdicts, job.output.audit_csv)
        write_csv(with_facts(shares, arms), job.output.attribution_csv)
        write_csv(with_facts(rates, arms), job.output.best_rates_csv)
        parts = audit_parts(verdicts), attribution_parts(shares), best_rates_parts(rates)
        write_text(job.output.audit_markdown, document(parts[0]))
        write_text(job.output.attribution_markdown, document(parts[1]))
        write_text(job.output.best_rates_markdown, document(parts[2]))
        if job.output.get("html"):  # Snakemake's report shows pages, but neither Markdown nor CSV
            whole = [*parts[0], "## What each control keeps of the gain", *parts[1]]
            whole += ["## Every arm at its own best learning rate", *parts[2]]
            write_text(job.output.html, page("Audit of the paper's claims", whole))
