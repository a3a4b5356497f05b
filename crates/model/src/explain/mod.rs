//! What every code and every field means. The same text is the reference in `docs/manifests/`.

mod codes;
mod fields;

pub use codes::{Explanation, explain_code, explanations};
pub use fields::{FieldExplanation, explain_field};
