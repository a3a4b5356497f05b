//! `$batch`: sends many requests in one, and reads the replies (Execute batch operations using the Web API).

mod decode;
mod encode;
mod multipart;

pub(crate) use decode::{BatchReply, Item, Part, decode, item, request_id, server_error, stated};
pub(crate) use encode::{Envelope, changeset, reads};
pub(crate) use multipart::{Splitter, boundary};
