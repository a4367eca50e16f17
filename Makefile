# What there is to do here; "make help" lists it.

CARGO ?= cargo
PREFIX ?= /usr/local
DESTDIR ?=

target := $(or $(CARGO_TARGET_DIR),target)
release := $(abspath $(target)/release)
scripts := .ci/run packaging/demo packaging/sysvinit/pidward-sweep packaging/runit/run packaging/s6/run packaging/daemontools/run \
	tests/install-packages

bindir := $(DESTDIR)$(PREFIX)/bin
libdir := $(DESTDIR)$(PREFIX)/lib/pidward
docdir := $(DESTDIR)$(PREFIX)/share/doc/pidward

# Cargo runs its own jobs, and of the tests one part needs what the other built.
.NOTPARALLEL:
.PHONY: all demo test lint cells verdicts bench install clean help

## all: build pidward, pidward-guard and libpidward.so, as they are shipped
all:
	$(CARGO) build --release --locked

## demo: build, and watch a daemon die with and without pidward
demo: all
	packaging/demo $(release)

## test: install the Debian packages that the tests need, build, and run all tests (root)
test:
	tests/install-packages
	$(CARGO) build --release --locked
	$(CARGO) test --locked -p pidward-identity -p pidward
	PIDWARD_RELEASE_DIR=$(release) $(CARGO) test --locked -p pidward-tests

## lint: formatting, clippy, shellcheck
lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	shellcheck --severity=warning $(scripts)

## cells: run every daemon in every way to start and to end it, and write the table into README.md (root)
cells: all
	tests/install-packages
	PIDWARD_RELEASE_DIR=$(release) $(CARGO) run --locked -p pidward-tests --bin tables cells

## verdicts: ask pidward and its peers what a number in a pidfile is worth, and write the table into README.md (root)
verdicts: all
	tests/install-packages
	PIDWARD_RELEASE_DIR=$(release) $(CARGO) run --locked -p pidward-tests --bin tables verdicts

## bench: how long a pidfile outlives its daemon; what a sweep costs
bench: all
	PIDWARD_RELEASE_DIR=$(release) $(CARGO) run --release --locked -p pidward-tests --bin latency
	PIDWARD_RELEASE_DIR=$(release) $(CARGO) run --release --locked -p pidward-tests --bin sweep

## install: copy what was built below DESTDIR and PREFIX (/usr/local); run "make" first, as yourself
install:
	@test -x $(release)/pidward || { echo 'Nothing is built yet: run "make" first.' >&2; exit 1; }
	install -d $(bindir) $(libdir) $(docdir)
	install -m 755 $(release)/pidward $(bindir)/pidward
	install -m 755 $(release)/pidward-guard $(libdir)/pidward-guard
	install -m 644 $(release)/libpidward.so $(libdir)/libpidward.so
	install -m 644 README.md CHANGELOG.md SECURITY.md LICENSE-MIT LICENSE-APACHE $(docdir)

## clean: remove what was built
clean:
	$(CARGO) clean

help:
	@sed -n 's/^## //p' Makefile
