# `make` runs the pipeline, `make test` the tests; both make the environment if it is missing.

PYTHON ?= python3
VENV ?= .venv
SCALE ?= quick
CORES ?= all
ACTIVATE = . $(VENV)/bin/activate

# An environment that was copied or moved calls the programs of its old place. So .complete says where
# it is, and elsewhere it is made again.
unexport CDPATH
MOVED := $(shell unset CDPATH; for venv in $(VENV) .venv-flower; do \
	test "$$(cat $$venv/.complete 2>/dev/null)" = "$$(cd $$venv 2>/dev/null && pwd -P)" \
	|| echo $$venv/.complete; done)

# Python reads and writes UTF-8, whatever the locale is.
export PYTHONUTF8 = 1

.PHONY: all data redraw test test-all test-processors test-another fuzz lint bench bench-gpu adopt repro prune bring lock raw clean $(MOVED)

all: $(VENV)/.complete
	$(ACTIVATE) && snakemake --cores $(CORES) --config scale=$(SCALE)

# Only fetch, check, prepare and partition: make data SCALE=cpu
data: $(VENV)/.complete
	$(ACTIVATE) && snakemake data --cores $(CORES) --config scale=$(SCALE)

# Figures, tables, claims and report from the runs that are there, without training; they name runs that
# are missing: make redraw SCALE=cpu
redraw: $(VENV)/.complete
	$(ACTIVATE) && snakemake --cores $(CORES) --config scale=$(SCALE) redraw=yes --forceall -- redraw

test: $(VENV)/.complete
	$(ACTIVATE) && pytest

# With the slow tests: DVC experiments, spoiled storages, runs that are killed and go on.
test-all: $(VENV)/.complete
	$(ACTIVATE) && pytest -m "slow or not slow"

# The numerical tests with other instruction sets of PyTorch and oneDNN, as on other processors, with
# other numbers of threads, and with other made-up data. `make test-another` is a quick part of them.
OTHERS = FEDPER_TEST_SEED=1 FEDPER_TEST_THREADS=3 ATEN_CPU_CAPABILITY=default ATEN_CPU_CAPABILITY=avx2 \
	ONEDNN_MAX_CPU_ISA=SSE41 ONEDNN_MAX_CPU_ISA=AVX2 ONEDNN_MAX_CPU_ISA=AVX512_CORE
test-processors: $(VENV)/.complete
	$(ACTIVATE) && for other in $(OTHERS); do echo "as with $$other"; \
		env $$other pytest -m "slow or not slow" tests/algorithm tests/train || exit 1; done

ANOTHER = FEDPER_TEST_SEED=2 ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41
test-another: $(VENV)/.complete
	$(ACTIVATE) && env $(ANOTHER) pytest tests/algorithm -k "plain or bit or independent"

# Spoil files of every kind that is read, and see what comes of it: make fuzz N=200 SEED=1
N ?= 2000
SEED ?= 0
fuzz: $(VENV)/.complete
	$(ACTIVATE) && python tests/fuzz.py --n $(N) --seed $(SEED)

lint: $(VENV)/.complete
	$(ACTIVATE) && ruff check . && ruff format --check . && snakefmt --check Snakefile workflow
	$(ACTIVATE) && snakemake --lint

# Every benchmark, with nothing else on the machine (about 80 min on 2 cores), and the page of their
# tables; real images where they are prepared, Flower in an environment of its own.
BENCHMARKS = results/benchmarks
CIFAR10 = $(firstword $(wildcard data/prepared/cpu/cifar10-*.safetensors))
bench: $(VENV)/.complete .venv-flower/.complete
	$(ACTIVATE) && python benchmarks/round_vs_loop.py --out $(BENCHMARKS)/round_vs_loop.json
	$(ACTIVATE) && python benchmarks/against_flower.py --flower-python .venv-flower/bin/python \
		$(if $(CIFAR10),--data $(CIFAR10) --train-images-per-class 500 --test-images-per-class 200) \
		--out $(BENCHMARKS)/against_flower.json
	$(ACTIVATE) && python benchmarks/clients.py --out $(BENCHMARKS)/clients.json
	$(ACTIVATE) && python benchmarks/scaling.py --out $(BENCHMARKS)/scaling.json
	$(ACTIVATE) && python benchmarks/kill_and_resume.py --out $(BENCHMARKS)/kill_and_resume.json
	$(ACTIVATE) && python benchmarks/prepare_data.py --out $(BENCHMARKS)/prepare_data.json \
		$(if $(wildcard data/raw/cifar10),--cifar10 data/raw/cifar10)
	$(ACTIVATE) && python benchmarks/table.py $(BENCHMARKS) --out $(BENCHMARKS)/README.md

# Tests and benchmarks that want a GPU, in MINUTES.
MINUTES ?= 4
bench-gpu: $(VENV)/.complete
	$(ACTIVATE) && python benchmarks/gpu.py --minutes $(MINUTES) --out $(BENCHMARKS)/gpu.json
	$(ACTIVATE) && python benchmarks/table.py $(BENCHMARKS) --out $(BENCHMARKS)/README.md

# Link data sets that are already on this machine, whichever of these folders FROM has:
# cifar10, cifar100, cifar100-fifth, flickr_aes. make raw FROM=<folder>
raw:
	@from="$(FROM)"; case $$from in "~"|"~/"*) from="$$HOME$${from#"~"}";; esac; \
	from=$$(cd "$$from" 2>/dev/null && pwd); found=; \
	for name in cifar10 cifar100 cifar100-fifth flickr_aes; do \
		if test -n "$(FROM)" && test -d "$$from/$$name"; then found=yes; mkdir -p data/raw; \
			if test -e "data/raw/$$name" && ! test -L "data/raw/$$name"; then \
				echo "error: data/raw/$$name is a folder of its own; move it away" >&2; exit 1; fi; \
			ln -sfn "$$from/$$name" "data/raw/$$name" && echo "data/raw/$$name -> $$from/$$name"; \
		fi; done; \
	test -n "$$found" || { echo "error: FROM=$(FROM): no data set's folder in it, see data/README.md" >&2; exit 1; }

# The stages of a scale. Those of real data are as cpu's.
STAGES = $(if $(filter-out quick,$(SCALE)),results/$(SCALE)/dvc.yaml,dvc.yaml)

# Take what `dvc pull` or git brought as made here, so that neither DVC nor Snakemake makes it again.
adopt: $(VENV)/.complete
	@$(ACTIVATE) && test "$$(dvc status --json $(STAGES))" = "{}" || { echo "error: dvc status \
	$(STAGES): something changed or is not there; adopt after dvc pull, before any change" >&2; exit 1; }
	$(ACTIVATE) && snakemake --cores 1 --config scale=$(SCALE) --touch --forceall --quiet all -- all

# `dvc repro` of a scale: make repro SCALE=cpu
repro: $(VENV)/.complete
	@test -f $(STAGES) || { mkdir -p results/$(SCALE) && \
	sed 's/scale: cpu/scale: $(SCALE)/' results/cpu/dvc.yaml > $(STAGES); }
	$(ACTIVATE) && dvc repro $(filter-out dvc.yaml,$(STAGES))

# List what the configuration does not ask for any more: runs, figures, data, checkpoints. REMOVE=yes
# removes it.
prune: $(VENV)/.complete
	$(ACTIVATE) && python scripts/prune.py config/$(SCALE).yaml $(if $(REMOVE),--remove)

# Runs that were computed elsewhere, checked: make bring SCALE=paper FROM=<folder or archive>
bring: $(VENV)/.complete
	$(ACTIVATE) && python scripts/bring.py config/$(SCALE).yaml $(FROM)

# Pin the versions anew after a change of pyproject.toml (tests keep environment.yml in step).
lock: $(VENV)/.complete
	$(ACTIVATE) && pip install --quiet uv && uv pip compile --quiet --universal --upgrade \
		--python-version 3.11 --extra dev --extra slurm --no-header --no-annotate \
		--output-file requirements.lock pyproject.toml

# Remove the environments. Results, and what Snakemake knows of them, stay.
clean:
	rm -rf $(VENV) .venv-flower

# Only an environment that make has made is removed or written to.
OURS = test ! -e $(@D) -o -f $(@D)/.complete -o -f $(@D)/.made-by-make || { echo "error: $(@D): not made \
by make; move it away, or name another: make VENV=<folder>" >&2; exit 1; }
MAKE_VENV = $(OURS); $(if $(filter $@,$(MOVED)),rm -rf $(@D);) $(PYTHON) -m venv $(@D) && touch $(@D)/.made-by-make
SAY_WHERE = cd $(@D) && pwd -P > .complete

.venv-flower/.complete: pyproject.toml
	@$(MAKE_VENV)
	.venv-flower/bin/pip install --quiet --editable '.[benchmark]'
	@$(SAY_WHERE)

# For a machine without a GPU: with TORCH_INDEX, an index of PyTorch's CPU-only builds, none of CUDA's
# libraries are installed, which are several GB on Linux.
TORCH = ^torch(vision)?==
CUDA = ^(triton|(nvidia|cuda)-[a-z0-9-]+)==
$(VENV)/.complete: requirements.lock pyproject.toml
	@$(MAKE_VENV)
ifdef TORCH_INDEX
	$(ACTIVATE) && grep -E '$(TORCH)' requirements.lock \
		| pip install --quiet --no-deps --index-url $(TORCH_INDEX) --requirement /dev/stdin
	$(ACTIVATE) && grep -vE '$(TORCH)|$(CUDA)' requirements.lock | pip install --quiet --requirement /dev/stdin
else
	$(ACTIVATE) && pip install --quiet --requirement requirements.lock
endif
	$(ACTIVATE) && pip install --quiet --no-deps --editable .
	@$(SAY_WHERE)
