# One name for each thing that is done here. The steps themselves are in .ci/run: CI runs the same.

# What there is.
[private]
default:
    @{{ just_executable() }} --list --unsorted
    @echo "Steps of 'just check': $(.ci/run --list | paste -sd ' ' -)"

# Check everything, as CI does, or some steps: `just check clippy tests`.
check *steps:
    .ci/run {{ steps }}

# Run the tests.
test:
    .ci/run tests

# Check format, lints and documentation.
lint:
    .ci/run format clippy docs

# Watch a table survive its owner.
demo:
    cargo run --example etsgive

# Open the reference.
docs:
    cargo doc --open -p heir-runtime --all-features

# Draw the README's terminal again, after the demonstration has changed.
record:
    docs/record

# Measure beside the peers, or some questions: `just bench calls recovery`.
bench *questions:
    cd benches && cargo run --release -- {{ questions }}

# Write down new counts of instructions, after a change of cost that is meant.
count:
    cargo run --release --manifest-path benches/regression/Cargo.toml -- record

# Put plausible regressions in, one at a time: does a test fail?
mutants *arguments:
    cargo run --release --manifest-path tests/mutants/Cargo.toml -- {{ arguments }}
