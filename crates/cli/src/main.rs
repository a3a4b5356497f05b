//! The `deskstate` command.
fn main() {}
