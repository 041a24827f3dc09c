# Needs Python 3.11 and make; everything else goes into .venv.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ONLY ?=

.DEFAULT_GOAL := help
.PHONY: help install demo test lint explore docs bench validate train train-picker train-class-grader clean

help:
	@echo "make demo                 simulate, reconstruct, degrade, score and rank a small tomogram (minutes)"
	@echo "make test                 every check: style, types, layers, tests"
	@echo "make lint                 style, types and layers only"
	@echo "make explore              the property tests on a thousand new examples each"
	@echo "make docs                 the documentation, as a site in site/"
	@echo "make validate [ONLY=name] how good the judgement is, into docs/figures.json"
	@echo "make bench [ONLY=name]    how fast and how small it is, into docs/figures.json"
	@echo "make train                the shipped weights again, in stages that resume (hours)"
	@echo "make train-picker         the shipped picker again (an hour)"
	@echo "make train-class-grader   a grader of class averages like the shipped one, from nothing (hours)"
	@echo "make install              only create .venv"

# torch first and pinned, so that nothing else chooses another build of it.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

install: $(STAMP)

demo: $(STAMP)
	$(BIN)/cryogauge demo --out demo

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports --no-logo

# Two workers share the machine with what they start: one thread each.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist loadfile

explore: $(STAMP)
	OMP_NUM_THREADS=1 HYPOTHESIS_PROFILE=explore $(BIN)/pytest -q -n 2 -m hypothesis

docs: $(STAMP)
	$(BIN)/python -m tools.figures
	$(BIN)/python -m tools.reference
	$(BIN)/zensical build --clean --strict -f mkdocs.yml

bench: $(STAMP)
	$(BIN)/python -m benchmarks $(ONLY)

validate: $(STAMP)
	$(BIN)/python -m validation $(ONLY)

train: $(STAMP)
	$(BIN)/cryogauge train slice-quality --out work/compact

train-picker: $(STAMP)
	$(BIN)/cryogauge simulate phantom --out work/phantoms --count 7 --seed 502 --types wbp
	OMP_NUM_THREADS=1 $(BIN)/cryogauge train picker work/phantoms/copick.json --user phantom --seed 502 \
		--minutes 30 --out work/picker
	$(BIN)/python -m tools.ship_picker work/picker

train-class-grader: $(STAMP)
	$(BIN)/cryogauge simulate classes --out work/classes --count 3000 --classes 20 --seed 307
	OMP_NUM_THREADS=1 $(BIN)/cryogauge train class-grader work/classes --minutes 60 --seed 1 --device cpu \
		--out work/class-grader
	$(BIN)/python -m tools.ship_grader work/class-grader

clean:
	rm -rf build dist site demo .pytest_cache .ruff_cache .import_linter_cache
