# What there is to do here; "make help" lists it.

CARGO ?= cargo
PREFIX ?= /usr/local
DESTDIR ?=

target := $(or $(CARGO_TARGET_DIR),target)
release := $(abspath $(target)/release)
scripts := .ci/run .ci/check-dependencies packaging/build-deb packaging/build-rpm packaging/demo packaging/source-date packaging/sysvinit/pidward-sweep \
	packaging/runit/run packaging/s6/run packaging/daemontools/run tests/install-packages tests/init/check-systemd tests/cross/check

# Where systemd looks; what a distribution has of its own is its packaging's to say.
UNITDIR ?= $(PREFIX)/lib/systemd/system

bindir := $(DESTDIR)$(PREFIX)/bin
libdir := $(DESTDIR)$(PREFIX)/lib/pidward
docdir := $(DESTDIR)$(PREFIX)/share/doc/pidward
mandir := $(DESTDIR)$(PREFIX)/share/man
completions := $(DESTDIR)$(PREFIX)/share
manual := $(release)/manual
version := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)

# Cargo runs its own jobs, and of the tests one part needs what the other built.
.NOTPARALLEL:
.PHONY: all demo test cross fuzz miri checked soak lint cells verdicts bench session install deb rpm clean help

## all: build pidward, pidward-guard and libpidward.so, as they are shipped, with man pages and completions
all:
	$(CARGO) build --release --locked
	$(CARGO) run --quiet --locked -p pidward-manual -- $(manual)

## demo: build, and watch a daemon die with and without pidward
demo: all
	packaging/demo $(release)

## test: install the Debian packages that the tests need, build, and run all tests (root)
test:
	tests/install-packages
	$(CARGO) build --release --locked
	$(CARGO) run --quiet --locked -p pidward-manual -- $(manual)
	$(CARGO) test --locked -p pidward-identity -p pidward -p pidward-checks -p pidward-interleavings
	PIDWARD_RELEASE_DIR=$(release) $(CARGO) test --locked -p pidward-tests

## cross: build for aarch64 and riscv64, whose targets "rustup target add" has, and run what qemu-user can of it (root)
cross:
	tests/install-packages tests/cross/packages
	set -e; for triple in aarch64-unknown-linux-gnu riscv64gc-unknown-linux-gnu; do \
		cpu=$$(echo $${triple%%-*} | sed 's/gc$$//'); \
		$(CARGO) build --release --locked --target $$triple --config "target.$$triple.linker='$$cpu-linux-gnu-gcc'"; \
		tests/cross/check $$cpu $(target)/$$triple/release; \
	done

## fuzz: hand random bytes to each parser for SECONDS (60), with cargo-fuzz and a nightly toolchain; what is found goes into fuzz/found
SECONDS ?= 60
fuzz:
	cd fuzz && for target in $$(cargo +nightly fuzz list); do \
		mkdir -p corpus/$$target found/$$target; \
		nice cargo +nightly fuzz run $$target corpus/$$target seeds/$$target -- -max_total_time=$(SECONDS) \
			-artifact_prefix=found/$$target/ -print_final_stats=1 || exit; \
		rmdir found/$$target 2>/dev/null || true; \
	done

## miri: run in Miri what it can run of the parsers, and of the rooms that compare text (nightly toolchain with the component miri)
miri:
	MIRIFLAGS=-Zmiri-disable-isolation $(CARGO) +nightly miri test --locked -p pidward-identity -p pidward-checks --tests

## checked: run the daemons with a library and a guard that end when arithmetic overflows, or what is asserted does not hold, some of
##   them under memcheck (root)
checked:
	tests/install-packages
	$(CARGO) build --profile checked --locked
	PIDWARD_RELEASE_DIR=$(abspath $(target)/checked) $(CARGO) test --locked -p pidward-tests --test daemons -- --include-ignored

## soak: run 57 daemons for SECONDS (60), started, ended, reloaded, rotated, robbed of guards in random order, of SEED if given (root)
soak: all
	tests/install-packages
	tests/install-packages tests/daemons/soak/packages
	PIDWARD_RELEASE_DIR=$(release) PIDWARD_SOAK_SECONDS=$(SECONDS) $(if $(SEED),PIDWARD_SOAK_SEED=$(SEED)) \
		$(CARGO) test --locked -p pidward-tests --test daemons -- --nocapture soak::

## lint: formatting, clippy, shellcheck, and what is known of the dependencies: licences, sources, advisories
lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	shellcheck --severity=warning $(scripts)
	CARGO='$(CARGO)' .ci/check-dependencies

## cells: run every daemon in every way to start and to end it, and write the table into README.md (root)
cells: all
	tests/install-packages
	PIDWARD_RELEASE_DIR=$(release) $(CARGO) run --locked -p pidward-tests --bin tables cells

## verdicts: ask pidward and its peers what a number in a pidfile is worth, and write the table into README.md (root)
verdicts: all
	tests/install-packages
	PIDWARD_RELEASE_DIR=$(release) $(CARGO) run --locked -p pidward-tests --bin tables verdicts

## bench: measure pidward and its peers side by side, and write docs/benchmarks.md (root)
bench: all
	tests/install-packages tests/bench/packages
	PIDWARD_RELEASE_DIR=$(release) $(CARGO) run --release --locked -p pidward-tests --bin bench

## session: run what the README shows on a terminal anew, and draw it: docs/session.svg (root, nginx)
session: all
	docs/record-session $(release)

## install: copy what was built below DESTDIR and PREFIX (/usr/local); run "make" first, as yourself
install:
	@test -x $(release)/pidward && test -d $(manual) || { echo 'Nothing is built yet: run "make" first.' >&2; exit 1; }
	install -d $(bindir) $(libdir) $(docdir) $(mandir)/man1 $(mandir)/man5 $(mandir)/man7 $(mandir)/man8
	install -m 755 $(release)/pidward $(bindir)/pidward
	install -m 755 $(release)/pidward-guard $(libdir)/pidward-guard
	install -m 644 $(release)/libpidward.so $(libdir)/libpidward.so
	printf 'LD_PRELOAD=%s\n' $(PREFIX)/lib/pidward/libpidward.so >$(libdir)/preload.env
	chmod 644 $(libdir)/preload.env
	install -m 644 README.md CHANGELOG.md SECURITY.md LICENSE-MIT LICENSE-APACHE $(docdir)
	install -m 644 $(manual)/man1/* $(mandir)/man1
	install -m 644 packaging/man/*.5 $(mandir)/man5
	install -m 644 packaging/man/*.7 $(mandir)/man7
	install -m 644 packaging/man/*.8 $(mandir)/man8
	install -D -m 644 $(manual)/completions/pidward.bash $(completions)/bash-completion/completions/pidward
	install -D -m 644 $(manual)/completions/_pidward $(completions)/zsh/site-functions/_pidward
	install -D -m 644 $(manual)/completions/pidward.fish $(completions)/fish/vendor_completions.d/pidward.fish
	install -D -m 644 packaging/apparmor/pidward $(DESTDIR)/etc/apparmor.d/abstractions/pidward
	install -D -m 644 packaging/systemd/pidward-sweep.service $(DESTDIR)$(UNITDIR)/pidward-sweep.service

## deb: build a Debian package below target/deb (root)
deb: all
	tests/install-packages packaging/debian/packages
	packaging/build-deb $(abspath $(target))/deb $(version)

## rpm: build an RPM package below target/rpm (root)
rpm: all
	tests/install-packages packaging/rpm/packages
	packaging/build-rpm $(abspath $(target))/rpm $(version)

## clean: remove what was built
clean:
	$(CARGO) clean

help:
	@sed -n 's/^## //p' Makefile
