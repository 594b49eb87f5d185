# Everything that is done with this project, by name. `make` alone lists it.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup geth-tools client-tools build contracts page program devnet demo test bench soak fuzz conformance lint deny guest dist deb reproduce clean

# Where Cargo builds; the user may have moved it.
TARGET := $(or $(CARGO_TARGET_DIR),target)
CONTRACTS := l1-contracts
# Not npm's wrapper, which ends with success whatever Forge says.
FORGE := ./forge
# The platform of the fault proof VM.
GUEST := riscv64imac-unknown-none-elf
# Only the conformance tests with this in their path, as in `make conformance ETHEREUM_TESTS=DIR FILTER=stCreate2`.
FILTER ?=
# Options for `soak`.
SOAK ?=
# What to fuzz (all decoders by default), and for how many seconds each.
FUZZ ?=
SECONDS ?= 60
# Options for `demo`, as in `make demo DEMO="--pace 3"`.
DEMO ?=
# Options for `testnet devnet`, as in `make devnet DEVNET="--l2-port 8547"`.
DEVNET ?=

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install what is missing: npm packages, libclang, the guest's Rust target
	@testnet/scripts/setup.sh

geth-tools: ## Build geth and clef with Go, which some tests are tried with (some minutes, once)
	@testnet/scripts/geth-tools.sh

client-tools: setup ## Install what tests use of other people's tools: web3.py, go-ethereum's client, the OP Stack's types
	@testnet/scripts/web3py.sh
	@testnet/scripts/go-client.sh go
	@testnet/scripts/go-client.sh op

contracts: setup
	@cd $(CONTRACTS) && $(FORGE) build --quiet

# The challenger's binary holds it.
page: setup ## Build the challenger's page (fraud-prover/page/dist)
	@testnet/scripts/page.sh

# Beside the binaries, which look for it there.
program: setup ## Build the fault proof program (target/release/recourse-program.elf)
	@testnet/scripts/program.sh $(TARGET)/release/recourse-program.elf

build: contracts page program ## Build contracts, program and binaries (target/release)
	cargo build --release --workspace --bins

# Only what a devnet runs; with the workspace's features, so that nothing is built twice later.
devnet: contracts page program ## Start L1, contracts, sequencer, replica and a challenger with a page to look at
	@echo "devnet: building the node, the challenger and the devnet (some minutes the first time)"
	cargo build --release --workspace --bin recourse-node --bin challenger --bin testnet
	@exec $(TARGET)/release/testnet devnet $(DEVNET)

demo: build ## A proposer lies, and is beaten: a dispute, live, to look at: [DEMO="--pace 3"]; writes target/demo.json
	@exec $(TARGET)/release/demo $(DEMO)

# The binaries first: tests start them.
test: contracts page program ## Run all tests
	cd $(CONTRACTS) && $(FORGE) test
	cd fraud-prover/page && npm test --silent
	cargo build --release --workspace --bins
	node testnet/scripts/tests.mjs

bench: contracts page program ## Run the benchmarks; prints a table, writes target/bench.json
	cargo build --release --workspace --bins --config profile.release.package.e2e.opt-level=3
	@exec $(TARGET)/release/bench

soak: build ## Run a whole rollup under load for an hour, with wrong roots: SOAK="--minutes 60"
	@exec $(TARGET)/release/soak $(SOAK)

fuzz: contracts page program ## Search for bytes that break a decoder: [FUZZ="payload feed"] [SECONDS=60] [FUZZ_KEEP=1]
	@RECOURSE_PROGRAM=$(abspath $(TARGET))/release/recourse-program.elf testnet/scripts/fuzz.sh $(TARGET)/fuzz $(SECONDS) $(FUZZ)

conformance: contracts page ## Run Ethereum's public tests: ETHEREUM_TESTS=DIR [FILTER=TEXT]
	@test -n "$(ETHEREUM_TESTS)" || { echo "usage: make conformance ETHEREUM_TESTS=DIR [FILTER=TEXT]" >&2; exit 2; }
	cargo build --release --package e2e --bin conformance
	@exec $(TARGET)/release/conformance "$(ETHEREUM_TESTS)" $(if $(FILTER),--filter "$(FILTER)")

lint: contracts page guest ## Check formatting, lints and the guest's platform
	cargo fmt --all --check
	cd $(CONTRACTS) && $(FORGE) fmt --check
	cargo clippy --release --workspace --all-targets --locked -- -D warnings

# Where cargo-deny is not installed, what needs no advisory database is checked all the same.
deny: page ## Check licences, versions, sources and known vulnerabilities of the dependencies
	@if cargo deny --version >/dev/null 2>&1; then \
		cargo deny --config .deny.toml check; \
	else \
		echo "deny: cargo-deny is not installed: known vulnerabilities are not checked"; \
		cargo test --release --package e2e --test source dependencies; \
	fi

guest: setup ## Check and lint what the fault proof VM runs, for its platform
	@testnet/scripts/guest.sh $(GUEST)

# What follows is built as a release is: nothing but what the lock file says.
dist: contracts page program ## Pack binaries, program, contracts, units, manual (target/dist/recourse-VERSION-….tar.gz)
	cargo build --release --locked --workspace --bin recourse-node --bin challenger --bin testnet --bin release
	@testnet/scripts/dist.sh $(abspath $(TARGET))

deb: dist ## Make the Debian package, too (target/dist/recourse_….deb); needs cargo-deb
	@testnet/scripts/deb.sh $(abspath $(TARGET))

reproduce: contracts program ## Print the hashes that a stranger compares: program, contracts, tools
	@cargo build --quiet --release --locked --workspace --bin release
	@testnet/scripts/reproduce.sh $(abspath $(TARGET))

clean: ## Remove everything that was built
	cargo clean
	rm -rf $(CONTRACTS)/out $(CONTRACTS)/cache
