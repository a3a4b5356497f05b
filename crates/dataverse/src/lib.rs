//! A Dataverse Web API client: typed queries, one-trip batch reads, atomic changesets, sign-in.
//!
//! A [`Query`] is a read as a value. A [`Reader`] answers many of them in one `$batch`, follows the pages of all of
//! them together, and has no way to write:
//!
//! ```no_run
//! use deskstate_dataverse::{Connection, Filter, Query, Reader, SignIn};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let url = "http://127.0.0.1:8080".parse()?;
//! let reader = Reader::open(&Connection::new(url, SignIn::Anonymous))?;
//! let queries = [
//!     Query::rows("accounts").select(["name"]).filter(Filter::starts_with("name", "Contoso")),
//!     Query::who_am_i(),
//! ];
//! for answer in reader.read(&queries).await? {
//!     match answer {
//!         Ok(rows) => println!("{} rows", rows.rows.len()),
//!         Err(refused) => println!("{refused}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A [`Changeset`] is a transaction as a value. A [`Session`] commits it and tells what became of it, never guessing:
//!
//! ```no_run
//! use deskstate_dataverse::{Changeset, Connection, Operation, Outcome, Session, SignIn};
//! use uuid::Uuid;
//!
//! # async fn example(account: Uuid) -> Result<(), Box<dyn std::error::Error>> {
//! let url = "http://127.0.0.1:8080".parse()?;
//! let session = Session::open(&Connection::new(url, SignIn::Anonymous))?;
//! let changeset = Changeset {
//!     operations: vec![Operation::Update {
//!         set: "accounts".to_owned(),
//!         id: account,
//!         if_match: None,
//!         body: vec![("name".to_owned(), "Contoso".into())],
//!     }],
//!     solution: None,
//! };
//! match session.commit(&changeset).await {
//!     Outcome::Committed => println!("done"),
//!     Outcome::Refused { operation, error } => println!("operation {operation:?}: {error}"),
//!     Outcome::NotAttempted { cause } => println!("nothing happened: {cause}"),
//!     Outcome::Unknown { cause } => println!("look before you go on: {cause}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Requests are written by [`Query::requests`] and [`Changeset::requests`], without a network; only `transport` and
//! `auth` touch one. What may be tried again is decided in `retry`, in plain functions.
//!
//! What a server may do wrong is bounded: the length of a reply (packed or not), the number of parts, columns and
//! pages, the depth of nesting. Next links are followed by path alone and redirects not at all, so a token stays with
//! its host. A secret goes to an issuer of Microsoft's clouds or to one that the user names, and to no other.

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
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
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
mod waiting;

/// The examples of the README are tested with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

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
pub use waiting::{WaitCause, Waiting};
