//! An emulator of the Dataverse Web API on loopback, for tests and demonstrations.
//!
//! It follows the public documentation of the Web API, not the habits of any client. Where the documentation leaves a question open, there
//! is a switch ([`Switches`]); `docs/emulator.md` lists them.

mod actions;
mod admin;
mod administration;
mod age;
mod audit;
mod batch;
mod body;
mod call;
mod clock;
mod component_layers;
mod engine;
mod error;
mod faults;
mod fetchxml;
mod files;
mod http_server;
mod identity;
mod layers;
mod like;
mod limits;
mod line;
mod links;
mod lock;
mod metadata;
mod multipart;
mod odata;
mod pages;
mod product_rules;
mod removal;
mod resolve;
mod rules;
mod run;
mod schema;
mod security;
mod seed;
mod server;
mod service;
mod signin;
mod state_file;
mod stats;
mod store;
mod streamed;
mod switches;
mod tables;
mod tabs;
mod tls;
mod value;
mod write;
mod writing;

pub use age::Age;
pub use limits::Limits;
pub use run::{Args, run};
pub use seed::{Scale, SeedError};
pub use server::{Config, Emulator, StartError, StopError};
pub use signin::{DirectoryError, SignIn};
pub use switches::{
    BatchStatus, ChangesetFailure, LateWrite, LinkAnswer, MissingPrivilege, QuotedIds, Switches,
    TouchedParameters, UnknownColumn,
};
pub use tables::TablesError;
pub use tls::{Tls, TlsError};
