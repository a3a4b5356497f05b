//! A language server for editors: shows the findings of `validate` while people type, and what the project knows about the word at the
//! cursor.
//!
//! A project is loaded and checked by the same functions as in `validate`, with the texts of open files in place of those on the disk.
//! Unchanged files are not read again. All text that a client displays is made inert first; text that it writes into files is not.

mod actions;
mod complete;
mod cursor;
mod desk;
mod edits;
mod findings;
mod hints;
mod hover;
mod inbox;
mod names;
mod paths;
mod place;
mod preview;
mod project;
mod schema;
mod server;
mod symbols;
#[cfg(test)]
mod tests;
mod wire;

pub(crate) use server::serve;
