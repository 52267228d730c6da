# `make demo` and `make test` are the two commands; each does all its own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The newer interpreters the quick tests run under as well, where they are found.
NEWER := 3.12 3.13
QUICK := tests/mappings tests/connectors/test_alumni360.py tests/connectors/test_salesforce.py tests/connectors/test_http.py \
    tests/alumnisync/test_run.py tests/alumnisync/test_run_rules.py tests/alumnisync/test_merge.py \
    tests/alumnisync/test_commands_sync.py
# Where the two databases go different ways: landing, matching, leases, bulk statements, a whole run.
ON_BOTH := tests/alumnisync/test_run.py tests/alumnisync/test_landing.py tests/alumnisync/test_match.py \
    tests/alumnisync/test_settle.py tests/alumnisync/test_lease.py tests/alumnisync/test_statements.py \
    tests/alumnisync/test_several.py tests/alumnisync/test_feeds.py tests/connectors/test_bulk.py tests/connectors/test_models.py \
    tests/alumnisync/test_two_at_once.py tests/alumnisync/test_dropped.py tests/alumnisync/test_kills_deciding.py \
    tests/alumnisync/test_undo.py tests/alumnisync/test_erasing.py tests/alumnisync/test_erasing_beside.py \
    tests/alumnisync/test_drift_reports.py
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

.PHONY: demo test long newer postgres torture bench lint types format migrations
.DELETE_ON_ERROR:
.NOTPARALLEL:

demo: $(VENV)/installed
	@$(BIN)/python manage.py demo $(ARGS)

# pytest runs last: its closing line is the last one of the whole.
test: lint types
	env -u DATABASE_URL $(BIN)/python -m pytest -q -n auto --dist loadgroup -m "not long and not torture"

# What every change has to pass as well, and nobody wants to wait for each time: processes that are killed, what goes
# different ways on PostgreSQL, further cases, long lists, the installation guide.
long: $(VENV)/installed-dev
	$(BIN)/python -m tests.postgres $(BIN)/python -m pytest -q -n auto -m "django_db and not screens and not torture" $(ON_BOTH)
	env -u DATABASE_URL $(BIN)/python -m pytest -q -n auto --dist loadgroup -m "long and not torture"

# The quick tests under every newer interpreter there is.
newer: $(NEWER:%=test-on-%)

# Everything that uses a database, on PostgreSQL: before a release, and after a change of a model or a statement.
postgres: $(VENV)/installed-dev
	$(BIN)/python -m tests.postgres $(BIN)/python -m pytest -q -n auto -m "django_db and not torture"

# What takes too long to be waited for each time: every moment a run can be killed at, very long lists.
# Other draws, and more histories: ALUMNISYNC_SEED=7 ALUMNISYNC_TORTURE=100 make torture
torture: $(VENV)/installed-dev
	env -u DATABASE_URL $(BIN)/python -m pytest -q -n auto --dist loadgroup -m torture

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/installed-dev
	$(BIN)/mypy

# The tests' settings: a clone has no keys of its own.
migrations: $(VENV)/installed-dev
	DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python manage.py makemigrations

# A first load on both databases; `make bench PEOPLE=100000` for more people than usual.
bench: $(VENV)/installed-dev
	env -u DATABASE_URL $(BIN)/python -m tests.benchmarks.first_load $(PEOPLE)
	$(BIN)/python -m tests.postgres $(BIN)/python -m tests.benchmarks.first_load $(PEOPLE)

# pyenv finds an interpreter that is installed but not selected.
test-on-%:
	@python=$$(python$* -c 'import sys; print(sys.executable)' 2>/dev/null \
	    || PYENV_VERSION=$$(pyenv latest $* 2>/dev/null) python$* -c 'import sys; print(sys.executable)' 2>/dev/null); \
	if [ -z "$$python" ]; then \
	    echo "Python $* not found: nothing was tested under it."; \
	else \
	    $(MAKE) --no-print-directory VENV=$(VENV)/python$* PYTHON="$$python" quick-test; \
	fi

.PHONY: quick-test
quick-test: $(VENV)/installed-dev
	env -u DATABASE_URL $(BIN)/python -m pytest -q -n auto -m 'not slow' -p no:cacheprovider $(QUICK)

$(VENV)/made:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found. Install Python 3.11 or newer, or say where it is: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "AlumniSync needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Say where a newer one is: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "$(PYTHON) can't make virtual environments. On Debian: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/installed: requirements.txt | $(VENV)/made
	$(BIN)/python $(PIP_INSTALL) -r requirements.txt
	@touch $@

# The demo finds its own requirements installed as well.
$(VENV)/installed-dev: requirements-dev.txt requirements.txt | $(VENV)/made
	$(BIN)/python $(PIP_INSTALL) -r requirements-dev.txt
	@touch $(VENV)/installed $@
