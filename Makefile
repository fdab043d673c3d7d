# Everything runs in .venv, which is made on first use. One thread per process: on a small machine
# the linear algebra is an order of magnitude slower with two threads that fight for two cores.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
NOTEBOOKS := $(wildcard chapters/*.ipynb)
EXTRAS := deep,figures,data,book,test
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1

.PHONY: help setup book test lint execute serve lab bench clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

setup: $(STAMP)  ## make .venv and install the library with everything the book needs

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

book: setup  ## build the website into _build/html
	$(BIN)/jupyter-book build . -W -n --keep-going --quiet
	@touch _build/.stamp
	@echo "The book is in _build/html: open _build/html/index.html in a browser, or run 'make serve'."

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

test: lint book  ## everything CI runs: lint, strict site build, tests, notebooks, browser checks
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --nbval --nbval-current-env \
	  --nbval-sanitize-with tests/book/nbval_sanitize.cfg tests chapters

execute: setup  ## re-execute the notebooks (all, or NOTEBOOKS="chapters/01_puzzle.ipynb")
	$(BIN)/python tools/execute.py $(NOTEBOOKS)

serve: book  ## build the website and serve it on this machine
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html 8000

lab: setup  ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab chapters

bench: setup  ## measure what the README claims about speed
	$(BIN)/python -m benchmarks

clean:  ## remove the built site
	rm -rf _build
