//! What every code means. The command line makes the page `docs/reference/codes.md` of it.

mod codes;

pub use codes::{Explanation, explain_code, explanations};
