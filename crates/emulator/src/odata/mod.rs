//! The query language of the Web API: paths, options, filters, expands, pages.

pub(crate) mod eval;
pub(crate) mod expand;
pub(crate) mod expr;
pub(crate) mod filter;
pub(crate) mod functions;
pub(crate) mod json;
pub(crate) mod level;
pub(crate) mod lexer;
pub(crate) mod options;
pub(crate) mod page;
pub(crate) mod path;
pub(crate) mod read;
