# On a fresh machine with Python 3.11 or newer:
#   make demo     the whole study in miniature, offline, with every figure under results/demo
#   make test     the tests
PYTHON ?= python3
CORES ?= 2
BIN := .venv/bin

.PHONY: demo test lint clean

demo: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/snakemake --cores $(CORES) --configfile config/demo.yaml --quiet rules $$([ -t 2 ] && echo --logger rich)
	@echo "Figures: results/demo/figures  Tables: results/demo/tables"

test: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(CORES) --dist loadgroup

lint: .venv/installed
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/snakefmt --check Snakefile rules && $(BIN)/snakemake --lint

# uv installs in seconds what takes pip minutes; either gives the same pinned versions. Bytecode is compiled here, once: where
# PYTHONDONTWRITEBYTECODE is set, every job would otherwise compile torch anew
.venv/installed: requirements.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed')"
	$(PYTHON) -m venv .venv
	if command -v uv >/dev/null; then uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.txt; \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt; fi
	touch $@

clean:
	rm -rf .venv results/demo .snakemake
