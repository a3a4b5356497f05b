//! A Dataverse Web API client: typed queries, one-trip batch reads, atomic changesets, sign-in.

mod auth;
mod batch;
mod cell;
mod changeset;
mod client;
mod connection;
mod decode;
mod environment;
mod error;
mod filter;
mod outcome;
mod privilege;
mod query;
mod reader;
mod recording;
mod request;
mod retry;
mod row;
mod session;
mod stop;
mod transport;

pub use auth::{DeviceCode, Method, Prompt, SignIn, SignInError};
pub use cell::{Cell, Etag};
pub use changeset::{Changeset, MAX_OPERATIONS, Operation, Value};
pub use connection::{Budget, Connection, Timeouts};
pub use environment::EnvironmentUrl;
pub use error::{Error, ErrorCode, Exchange, Place, Refused, ServiceError};
pub use filter::{Comparison, Filter, Literal, Match};
pub use outcome::Outcome;
pub use privilege::{Depth, privilege_depths};
pub use query::{Direction, Expand, Query};
pub use reader::{Answer, Reader};
pub use request::{API_PATH, Request};
pub use row::{EXPANDED_LIMIT, Row, Rows};
pub use session::Session;
pub use stop::Stop;
