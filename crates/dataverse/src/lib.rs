//! A client for the Dataverse Web API: typed queries, batched reads in a single round trip, atomic changesets, sign-in.
//!
//! A [`Query`] describes a read. A [`Reader`] answers many queries in one `$batch`, follows the pages of all of them together, and is
//! unable to write. Both examples run against this project's emulator:
//!
//! ```
//! use deskstate_dataverse::{Connection, Filter, Query, Reader, SignIn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let emulator = deskstate_emulator::Emulator::start(Default::default()).await?;
//! # let environment = emulator.url();
//! let reader = Reader::open(&Connection::new(environment.parse()?, SignIn::Anonymous))?;
//! let queries = [
//!     Query::rows("systemusers").select(["domainname"]).filter(Filter::starts_with("domainname", "ada")),
//!     Query::rows("nowheres").select(["name"]),
//!     Query::who_am_i(),
//! ];
//! let answers = reader.read(&queries).await?;
//! assert_eq!(answers[0].as_ref().map(|users| users.rows.len()), Ok(1));
//! assert!(answers[1].is_err(), "one that is refused does not spoil the others");
//! assert!(answers[2].is_ok());
//! assert_eq!(reader.requests(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! A [`Changeset`] describes a transaction. A [`Session`] commits it and reports the [`Outcome`]; it never guesses:
//!
//! ```
//! use deskstate_dataverse::{Changeset, Connection, Operation, Outcome, Session, SignIn};
//! use uuid::Uuid;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let emulator = deskstate_emulator::Emulator::start(Default::default()).await?;
//! # let environment = emulator.url();
//! let session = Session::open(&Connection::new(environment.parse()?, SignIn::Anonymous))?;
//! let changeset = Changeset {
//!     operations: vec![Operation::Create {
//!         set: "accounts".to_owned(),
//!         key_column: "accountid".to_owned(),
//!         id: Uuid::new_v4(),
//!         body: vec![("name".to_owned(), "Contoso".into())],
//!     }],
//!     solution: None,
//! };
//! match session.commit(&changeset).await {
//!     Outcome::Committed => println!("done"),
//!     Outcome::Refused { operation, error } => panic!("operation {operation:?}: {error}"),
//!     Outcome::NotAttempted { cause } => panic!("nothing happened: {cause}"),
//!     Outcome::Unknown { cause } => panic!("look before you go on: {cause}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`Query::requests`] and [`Changeset::requests`] write the requests without using the network; only `transport` and `auth` do. The plain
//! functions in `retry` decide whether a request may be retried.
//!
//! Memory and time are bounded, whatever a server sends: a [`Budget`] of bytes, rows, pages and time covers everything that a trip
//! receives, and the number of parts and columns and the nesting depth have limits of their own. Only the path of a next link is used, and
//! redirects are never followed, so a token never leaves its host. A secret is sent only to an issuer of Microsoft's clouds, or to one that
//! the user names.

mod auth;
mod batch;
mod budget;
mod cell;
mod changeset;
mod client;
mod connection;
mod decode;
mod environment;
mod error;
mod exchanged;
mod filter;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod limits;
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

/// Tests the examples in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use auth::{Browser, DeviceCode, Method, Prompt, SignIn, SignInError, without_secrets};
pub use budget::{Budget, Spent};
pub use cell::{Cell, Etag};
pub use changeset::{Changeset, Operation, Value};
pub use connection::{Connection, Timeouts};
pub use environment::EnvironmentUrl;
pub use error::{Error, ErrorCode, Exchange, Place, Refused, ServiceError};
pub use filter::{Comparison, Filter, Literal, Match};
pub use limits::{MAX_CONDITIONS, MAX_EXPANDED, MAX_EXPANDS, MAX_OPERATIONS, MAX_PAGE, MAX_URL};
pub use outcome::Outcome;
pub use privilege::{Depth, privilege_depths};
pub use query::{Direction, Expand, Query};
pub use reader::{Answer, Reader};
pub use recording::Mask;
pub use request::{API_PATH, Request};
pub use row::{Row, Rows};
pub use session::Session;
pub use stop::Stop;
pub use waiting::{WaitCause, Waiting};
