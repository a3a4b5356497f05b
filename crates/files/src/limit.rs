//! The limits for each kind of file. All of these numbers are defined here; `docs/limits.md` lists them.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

/// The maximum number of bytes to read from one kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    what: &'static str,
    bytes: u64,
}

const MIB: u64 = 1 << 20;

/// The memory that a process may use under the default limits, in MiB.
pub const USUAL_MEMORY: u32 = 200;

/// The maximum size of a page of an answer to an assistant, in bytes. A model reads all of it.
pub const ANSWER_PAGE: usize = 24 * 1024;

/// The maximum number of items on a page of an answer to an assistant.
pub const ANSWER_ITEMS: usize = 50;

/// The maximum number of tool calls that an assistant can make per minute.
pub const CALLS_A_MINUTE: usize = 60;

/// The maximum number of tool calls that wait while another one runs.
pub const CALLS_WAITING: usize = 8;

/// The maximum number of resources that an assistant can export at once.
pub const EXPORTED_AT_ONCE: usize = 20;

static MEMORY: AtomicU32 = AtomicU32::new(USUAL_MEMORY);

/// Lets this process use more memory: every limit grows in proportion. Values below [`USUAL_MEMORY`] have no effect.
pub fn allow_memory(mib: u32) {
    MEMORY.store(mib.max(USUAL_MEMORY), Ordering::Relaxed);
}

/// Scales a number of bytes, or of other things that take memory, to the memory that this process may use.
pub fn scaled(number: u64) -> u64 {
    let memory = u64::from(MEMORY.load(Ordering::Relaxed));
    let usual = u64::from(USUAL_MEMORY);
    (number / usual)
        .saturating_mul(memory)
        .saturating_add((number % usual).saturating_mul(memory) / usual)
}

impl Limit {
    /// A manifest, an overlay, a contract or the project file.
    pub const MANIFEST: Limit = Limit::new("a file of a project", 16 * MIB);
    /// All files of a project together.
    pub const PROJECT: Limit = Limit::new("all files of a project together", 32 * MIB);
    /// A vendor's package, as an archive or unpacked.
    pub const PACKAGE: Limit = Limit::new("a package", 8 * MIB);
    /// A saved plan.
    pub const PLAN: Limit = Limit::new("a plan file", 24 * MIB);
    /// An undo file.
    pub const UNDO: Limit = Limit::new("an undo file", 24 * MIB);
    /// One recorded exchange.
    pub const EXCHANGE: Limit = Limit::new("a file of a recording", 48 * MIB);
    /// A solution archive. It is read in pieces and never completely in memory.
    pub const ARCHIVE: Limit = Limit::new("a solution archive", 512 * MIB);
    /// One unpacked file of a solution. It is read in pieces.
    pub const SOLUTION_FILE: Limit = Limit::new("a file of a solution", 512 * MIB);
    /// All unpacked files of a solution. They are read in pieces; the data kept from them has a limit of its own.
    pub const SOLUTION: Limit = Limit::new("the files of a solution together", 512 * MIB);
    /// Answers, state and other small files that deskstate writes.
    pub const STATE: Limit = Limit::new("a file that deskstate keeps", 4 * MIB);
    /// The output of git.
    pub const GIT: Limit = Limit::new("the output of git", 40 * MIB);
    /// The reports of all environments that `drift --all` holds until it prints them.
    pub const REPORTS: Limit = Limit::new("the reports of all environments together", 32 * MIB);
    /// All copies of a project's manifests that may be in memory at the same time.
    pub const COPIES: Limit = Limit::new("manifests side by side", 2 * MIB);
    /// A comment to post.
    pub const COMMENT: Limit = Limit::new("a comment", 4 * MIB);
    /// A certificate, a key, a token or a secret.
    pub const CREDENTIAL: Limit = Limit::new("a certificate, token or secret", MIB);

    /// A message to `deskstate mcp`.
    pub const MESSAGE: Limit = Limit::new("a message of an assistant", MIB);

    /// Creates a limit for another kind of file. `what` names the file in messages, such as `a plan file`.
    pub const fn new(what: &'static str, bytes: u64) -> Limit {
        Limit { what, bytes }
    }

    /// The number of bytes, scaled to the memory that this process may use.
    pub fn bytes(self) -> u64 {
        scaled(self.bytes)
    }
}

/// Human-readable, for example `16 MiB, the limit for a plan file`.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, the limit for {}", Size(self.bytes()), self.what)
    }
}

/// A number of bytes in human-readable form. From one mebibyte on, it is rounded up to whole mebibytes.
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= MIB {
            write!(f, "{} MiB", self.0.div_ceil(MIB))
        } else {
            write!(f, "{} bytes", self.0)
        }
    }
}
