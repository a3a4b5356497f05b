# What people who work on deskstate type. `just` lists it.

default:
    @just --list

# What CI runs.
check:
    bash .ci/run

# All tests.
test:
    cargo test --workspace

# Ten thousand schedules: faults for the client alone and for whole applies, a probe under every combination of switches, and pull requests that are planned, merged and applied in any order. What fails is named, figures come last.
campaign seeds="10000":
    DESKSTATE_CAMPAIGN_SEEDS={{seeds}} cargo test --profile campaign -p deskstate-reconcile --test emulated every_combination_of_switches -- --nocapture
    DESKSTATE_CAMPAIGN_SEEDS={{seeds}} cargo test --profile campaign -p deskstate-dataverse --test emulated campaign
    DESKSTATE_CAMPAIGN_SEEDS={{seeds}} cargo test --profile campaign -p deskstate-reconcile --test emulated whatever_goes_wrong -- --nocapture
    DESKSTATE_CAMPAIGN_SEEDS={{seeds}} cargo test --profile campaign -p deskstate-reconcile --test plans reviewed_model:: -- --nocapture

# Every fuzz target, or those named, for so many seconds each (wants cargo-fuzz); stops at a finding.
fuzz seconds="60" *targets:
    bash scripts/fuzz {{seconds}} {{targets}}

# What the last runs found, brought down to what the usual tests replay.
fuzz-keep *targets:
    bash scripts/fuzz-keep {{targets}}

# Mutants of the batch parser, of the matching of rows and of the plan, each against the tests that are quick (cargo-mutants, cargo-nextest); `-F NAME` chooses.
mutants *arguments:
    cargo mutants -p deskstate-dataverse {{arguments}} -- --lib --test scripted
    cargo mutants -p deskstate-reconcile {{arguments}} -- --lib --test plans

# Lines that the tests run, by file and in all (cargo-llvm-cov; tools of LLVM by `rustup component add llvm-tools`, or from LLVM_COV and LLVM_PROFDATA).
coverage *arguments:
    cargo llvm-cov --workspace {{arguments}}

# Clients of others, as published, against the emulator, `deskstate mcp` and `deskstate lsp`.
conformance:
    conformance/run
    conformance/assistants/run
    conformance/editors/run
    conformance/notifications/run

# The VS Code extension as target/deskstate.vsix. Installs its npm packages first.
vsix:
    editors/vscode/package target/deskstate.vsix

# The extension in code-server, driven in a browser; `UPDATE_PICTURES=1` also writes the pictures of the docs.
editor:
    ci/editor

# Format, lints, docs.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# The whole story on the embedded emulator.
demo:
    cargo run -- demo

# Snapshots that changed: look, then accept.
review:
    cargo insta review

# Whole-process figures: the release binary against the emulator.
bench-e2e *arguments:
    cargo build --release
    python3 benches/e2e.py {{arguments}}

# Plans of deskstate and of its peers, in one run. Installs the peers beside the script first.
bench-peers *arguments:
    cargo build --release
    cargo build --profile campaign -p deskstate-dataverse --example record_at_a_time
    python3 benches/peers/run.py {{arguments}}

# A small project among many rows of others, beside the same in an empty environment.
bench-small *arguments:
    cargo build --release
    python3 benches/small.py {{arguments}}

# `drift --all` over a hundred environments.
bench-fleet *arguments:
    cargo build --release
    python3 benches/fleet.py {{arguments}}

# How long contributors wait: a fresh clone, all tests, the tests of one crate.
bench-contributors *arguments:
    python3 benches/contributors.py {{arguments}}

# From an empty machine to a posted comment, for each way to install (wants `just dist`, `just wheel` and `just npm`).
bench-install *arguments:
    python3 benches/install.py {{arguments}}

# Instructions of the debug build against benches/instructions.json; `--update` writes new numbers.
instructions *arguments:
    cargo build -p deskstate
    python3 benches/instructions.py {{arguments}}

# Figures of the libraries (criterion).
bench:
    cargo bench --workspace

# Plan, apply and drift over and over, with faults.
soak minutes="15":
    cargo build --release
    python3 benches/soak.py --minutes {{minutes}}

# Release archives under target/dist: for this machine, for TARGETs, or `--all`.
dist *targets:
    bash scripts/dist {{targets}}

# Wheels of the archives in target/dist.
wheel:
    test -n "$(ls target/dist/*.tar.gz target/dist/*.zip 2> /dev/null)" || bash scripts/dist
    scripts/packages.py wheel

# npm packages of the archives in target/dist.
npm:
    test -n "$(ls target/dist/*.tar.gz target/dist/*.zip 2> /dev/null)" || bash scripts/dist
    scripts/packages.py npm

# Manifests for winget, Scoop and Homebrew, of the archives in target/dist.
managers:
    scripts/packages.py managers

# Tests for Windows, under Wine.
windows *arguments:
    bash ci/windows {{arguments}}

# The six crates as crates.io would get them, each built from what is packed.
package:
    cargo package --workspace --allow-dirty --locked

# Advisories, licences, bans and sources of the dependency tree.
deny:
    cargo deny check
