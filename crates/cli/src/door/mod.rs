//! The one door for output. Everything that a command writes to a stream passes here, and `clippy.toml` forbids every other way.
//!
//! Text that somebody else wrote cannot steer what reads the stream. Control characters and characters that cannot be seen are shown as
//! their numbers, such as `\u{1b}`, and a command to the log of a build is broken the same way. Our own colours pass because a [`Style`]
//! writes a mark that only this process knows: text from outside cannot hold one.

mod escape;
mod page;
mod stream;
mod style;

pub(crate) use escape::{harmless_json, plain, visible};
pub(crate) use page::Page;
pub(crate) use stream::{
    LogCommand, Protocol, Stream, aside, error, explain_panics, log, out, protocol, run_ourselves,
    usage,
};
pub(crate) use style::{BAD, DIM, GOOD, HINT, STRONG, Style, WARN};
