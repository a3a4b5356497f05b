//! How much is read of each kind of file. The one place for these numbers; `docs/limits.md` lists them.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

/// The most bytes that are read of one kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    what: &'static str,
    bytes: u64,
}

const MIB: u64 = 1 << 20;

/// The memory that a process may take with the usual limits, in MiB.
pub const USUAL_MEMORY: u32 = 200;

/// The most bytes of a page of an answer to an assistant; a model reads all of it.
pub const ANSWER_PAGE: usize = 24 * 1024;

/// The most items of a page of an answer to an assistant.
pub const ANSWER_ITEMS: usize = 50;

/// The most calls of tools that an assistant can make in a minute.
pub const CALLS_A_MINUTE: usize = 60;

/// The most calls of tools that wait while another one runs.
pub const CALLS_WAITING: usize = 8;

/// The most resources that an assistant can ask to be exported at once.
pub const EXPORTED_AT_ONCE: usize = 20;

static MEMORY: AtomicU32 = AtomicU32::new(USUAL_MEMORY);

/// Lets this process take more memory: every limit grows in proportion. Less than [`USUAL_MEMORY`] changes nothing.
pub fn allow_memory(mib: u32) {
    MEMORY.store(mib.max(USUAL_MEMORY), Ordering::Relaxed);
}

/// A number of bytes or of other things that take memory, in proportion to what this process may take.
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
    /// A package of a vendor, as an archive or unpacked.
    pub const PACKAGE: Limit = Limit::new("a package", 8 * MIB);
    /// A saved plan.
    pub const PLAN: Limit = Limit::new("a plan file", 24 * MIB);
    /// An undo file.
    pub const UNDO: Limit = Limit::new("an undo file", 24 * MIB);
    /// One exchange of a recording.
    pub const EXCHANGE: Limit = Limit::new("a file of a recording", 48 * MIB);
    /// A solution archive. It is read piece by piece and never held as a whole.
    pub const ARCHIVE: Limit = Limit::new("a solution archive", 512 * MIB);
    /// What is unpacked of one file of a solution. It is read piece by piece.
    pub const SOLUTION_FILE: Limit = Limit::new("a file of a solution", 512 * MIB);
    /// What is unpacked of a solution in all. It is read piece by piece, and what is kept of it has a limit of its own.
    pub const SOLUTION: Limit = Limit::new("the files of a solution together", 512 * MIB);
    /// Answers, state and other small files that deskstate keeps.
    pub const STATE: Limit = Limit::new("a file that deskstate keeps", 4 * MIB);
    /// What git prints.
    pub const GIT: Limit = Limit::new("the output of git", 40 * MIB);
    /// What is kept of the environments of `drift --all` until all of them are shown.
    pub const REPORTS: Limit = Limit::new("the reports of all environments together", 32 * MIB);
    /// The manifests of a project of which several copies may be in memory at once, those copies together.
    pub const COPIES: Limit = Limit::new("manifests side by side", 2 * MIB);
    /// A comment to post.
    pub const COMMENT: Limit = Limit::new("a comment", 4 * MIB);
    /// A certificate, a key, a token or a secret.
    pub const CREDENTIAL: Limit = Limit::new("a certificate, token or secret", MIB);

    /// A message to `deskstate mcp`.
    pub const MESSAGE: Limit = Limit::new("a message of an assistant", MIB);

    /// A limit for something else. `what` names the thing in messages: `a plan file`.
    pub const fn new(what: &'static str, bytes: u64) -> Limit {
        Limit { what, bytes }
    }

    /// The number of bytes, for the memory that this process may take.
    pub fn bytes(self) -> u64 {
        scaled(self.bytes)
    }
}

/// For people: `16 MiB, the limit for a plan file`.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, the limit for {}", Size(self.bytes()), self.what)
    }
}

/// A number of bytes for people. Anything that is not a whole number of mebibytes is rounded up.
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
