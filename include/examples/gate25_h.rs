//! Prints `gate25.h`. `cargo run -p gate25-include --example gate25_h > include/gate25.h`

fn main() {
    print!("{}", gate25_include::c_header::gate25_h());
}
