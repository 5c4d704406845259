//! `gate25`: see [`gate25_control::cli`].
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    gate25_control::cli::main()
}
