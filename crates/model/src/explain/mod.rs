//! What every code means. The same text is the page `docs/manifests/codes.md`.

mod codes;

pub use codes::{Explanation, explain_code, explanations};
