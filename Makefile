# One command each; CI and the README use the same ones. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-strip-extras --custom-compile-command 'make lock'
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo)
export PREFECT_SERVER_ANALYTICS_ENABLED ?= false

.PHONY: help run check install test test-long test-real lint format lock backfill psql server bench dbt dbt-docs commands screenshots chromium history clean tidy rebuild

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

run: .venv/run ## do the daily run on the embedded default; ARGS="--run-date 2025-11-21"
	@$(BIN)/python -m flows.daily $(ARGS)

check: .venv/run ## look at all that the daily run needs, load nothing; ARGS="--run-date 2025-11-21"
	@$(BIN)/python -m flows.check $(ARGS)

backfill: .venv/run ## load a range of run dates; ARGS="--from 2025-11-20 --to 2025-11-23"
	@$(BIN)/python -m flows.backfill $(ARGS)

history: .venv/run ## show the last 60 run dates in the browser; ARGS="--to 2025-11-23"
	@$(BIN)/python -m flows.history --open $(ARGS)

rebuild: .venv/run ## load a lost database again from the lake; ARGS="--replace"
	@$(BIN)/python -m flows.rebuild $(ARGS)

install: .venv/dev ## install what work on the project needs: .venv with the locked requirements

# some tests run in one process; all of them in four, each with a PostgreSQL and a Prefect server of
# its own: many of them wait for a server or a clock, so two cores serve four.
ALL := -n 4 --dist loadgroup --no-loadscope-reorder
test: .venv/dev ## run all tests, or some: ARGS="tests/unit -k cleaning"
	$(BIN)/python -m pytest $(or $(ARGS),$(ALL))

test-long: .venv/dev ## tests that take minutes more, and show more of what others show
	$(BIN)/python -m pytest $(ALL) -m long

test-real: .venv/dev .venv/spark ## tests on Debian's PostgreSQL and PgBouncer, and of what Spark writes
	@test -x /usr/sbin/pgbouncer -a -d /usr/lib/postgresql || { $(AS_ROOT) apt-get update -qq && \
		$(AS_ROOT) apt-get install -qq --no-install-recommends postgresql pgbouncer; }
	$(BIN)/python -m pytest tests/real

lint: .venv/dev ## check the code with ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/dev ## rewrite the code in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: .venv/uv ## resolve pyproject.toml again into requirements/*.lock
	$(COMPILE) --upgrade pyproject.toml -o requirements/run.lock
	$(COMPILE) --upgrade --extra sheets --extra dask --extra dev -c requirements/run.lock \
		pyproject.toml -o requirements/dev.lock
	$(COMPILE) --upgrade --extra bench -c requirements/dev.lock \
		pyproject.toml -o requirements/bench.lock
	echo pyspark | $(COMPILE) --upgrade - -o requirements/spark.lock

bench: .venv/bench ## take all measurements (about 45 minutes), into docs/performance.md
	$(BIN)/python -m bench.load
	$(BIN)/python -m bench.growth
	$(BIN)/python -m bench.json_day
	$(BIN)/python -m bench.gate
	$(BIN)/python -m bench.daily
	$(BIN)/python -m bench.warehouse
	$(BIN)/python -m bench.report

psql: .venv/run ## open a SQL prompt on the embedded PostgreSQL
	@$(BIN)/python -m blocks.embedded $(ARGS)

dbt: .venv/run ## run dbt by hand on the embedded PostgreSQL; ARGS="build --full-refresh"
	@$(BIN)/python -m tasks.dbt_command $(ARGS)

dbt-docs: .venv/run ## write the warehouse's documentation, one page to open in a browser
	@$(BIN)/python -m tasks.dbt_command docs generate --static

server: .venv/run ## start Prefect's server with its UI, on http://127.0.0.1:4200
	$(BIN)/python -m blocks.server $(ARGS)

commands: .venv/run ## write docs/commands.md again, from the commands' own options
	$(BIN)/python docs/commands.py

screenshots: .venv/run chromium ## take the docs' pictures again
	@$(BIN)/python docs/screenshots/take.py

chromium: ## install Debian's Chromium, if there is none: pictures, and tests of the page, need one
	@command -v $${CHROMIUM:-chromium} >/dev/null || { $(AS_ROOT) apt-get update -qq && \
		$(AS_ROOT) apt-get install -qq --no-install-recommends chromium fonts-dejavu-core; }

HOME_FOLDER = $(or $(CORETELECOMS_HOME),$(shell sed -n 's/^CORETELECOMS_HOME=//p' .env 2>/dev/null),.coretelecoms)
clean: ## remove the embedded default's data (lake, PostgreSQL, sample sources)
	rm -rf $(addprefix "$(HOME_FOLDER)"/,lake sources postgres dbt logs history.html)

tidy: .venv/run ## say what is older than it is kept, and bytes; ARGS=--yes removes it
	@$(BIN)/python -m flows.tidy $(ARGS)

# .venv/<stamp> says what is installed; a changed lock file installs again.
.venv/uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 …"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

.venv/run: .venv/uv requirements/run.lock
	@echo "Installing the locked requirements into .venv …"
	@VIRTUAL_ENV=.venv $(UV) pip install --quiet --compile-bytecode --require-hashes -r requirements/run.lock
	@touch $@

.venv/dev: .venv/run requirements/dev.lock
	@echo "Installing what tests and linters need …"
	@VIRTUAL_ENV=.venv $(UV) pip install --quiet --compile-bytecode --require-hashes -r requirements/dev.lock
	@touch $@

.venv/spark: .venv/uv requirements/spark.lock
	@echo "Installing Spark, for its tests alone …"
	@command -v java >/dev/null || { $(AS_ROOT) apt-get update -qq && \
		$(AS_ROOT) apt-get install -qq --no-install-recommends default-jre-headless; }
	@rm -rf $@
	@VIRTUAL_ENV=.venv $(UV) pip install --quiet --require-hashes -r requirements/spark.lock --target $@
	@touch $@

.venv/bench: .venv/dev requirements/bench.lock
	@echo "Installing what we measure ourselves against …"
	@VIRTUAL_ENV=.venv $(UV) pip install --quiet --compile-bytecode --require-hashes -r requirements/bench.lock
	@touch $@
