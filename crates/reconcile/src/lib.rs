//! Computes and applies the changes between desired manifests and a live Dataverse environment.
//!
//! ```text
//! manifests --lower--> Desired --+
//!                                +--plan--> Plan --review--> diagnostics
//! Dataverse --observe--> Live ---+            +----apply---> Dataverse
//! ```
//!
//! Both sides of a plan are rows and links. Only the functions that read or write an environment, such as [`observe()`] and [`apply::carry_out`],
//! use the network; everything else is a plain function.

pub mod adopt;
pub mod apply;
mod apps;
pub mod blame;
pub mod bounds;
pub mod called;
pub mod check;
mod codes;
mod columns;
pub mod drift;
pub mod export;
pub mod extras;
mod foresee;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod kinds;
pub mod live;
pub mod lookup;
pub mod lower;
pub mod metadata;
mod observe;
pub mod plan;
pub mod plan_file;
pub mod probe;
mod quirks;
pub mod raise;
pub mod reach;
mod referrers;
pub mod review;
pub mod sanitize;
pub mod secret;
pub mod selection;
pub mod solution;
pub mod state;
pub mod undo;
mod value;
pub mod who;
pub mod writes;

pub use blame::blame;
pub use codes::PLAN_CODES;
pub use drift::drift;
pub use foresee::foresee;
pub use lower::{Desired, lower};
pub use observe::{
    MetadataError, Narrow, ObserveError, Scope, held_roles, observe, observe_metadata,
    observe_names, observe_owners,
};
pub use plan::{Plan, plan};
pub use reach::{Reach, reach};
pub use who::who;
