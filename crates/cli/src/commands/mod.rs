//! The commands: one file each, with the arguments and one function.

pub(crate) mod adopt;
pub(crate) mod apply;
pub(crate) mod carrying;
pub(crate) mod check;
mod choosing;
pub(crate) mod comment;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod drift;
pub(crate) mod explain;
pub(crate) mod export;
mod exporting;
pub(crate) mod graph;
pub(crate) mod guide;
pub(crate) mod init;
mod judging;
pub(crate) mod kind;
pub(crate) mod live;
pub(crate) mod lsp;
pub(crate) mod mcp;
pub(crate) mod package;
pub(crate) mod plan;
pub(crate) mod preview;
mod progress;
pub(crate) mod render;
pub(crate) mod schema;
pub(crate) mod shell;
pub(crate) mod show;
mod telling;
pub(crate) mod undo;
pub(crate) mod validate;
pub(crate) mod who;

use crate::error::Error;

/// Commands that use the network run on two threads: one for themselves, one for an embedded emulator.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(future)
}
