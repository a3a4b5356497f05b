//! Turns a report of `deskstate doctor --report` into a fixture of the tests: `cargo run -p deskstate --example import_report -- FILE
//! NAME`.

#[path = "../tests/support/live_report.rs"]
mod live_report;

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, name] = arguments.as_slice() else {
        return Err("give the report and a name for it, such as `sandbox-2026`".into());
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.is_empty() || !name.bytes().all(is_plain) {
        return Err(format!("`{name}` has other characters than letters, digits and `-`").into());
    }
    let fixture = live_report::fixture(&std::fs::read_to_string(file)?)?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/reports")
        .join(format!("{name}.json"));
    std::fs::write(path, fixture)?;
    Ok(())
}
