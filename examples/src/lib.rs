//! Small whole programs, one idea each: run one with `cargo run --example NAME`.
