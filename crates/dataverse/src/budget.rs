//! The budget of a trip: how much a server may send before a run gives up.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deskstate_files::scaled;

/// The limits of a trip. A trip is everything a [`Reader`](crate::Reader) receives until the next
/// [`Reader::start_trip`](crate::Reader::start_trip) or the next transaction: initial requests, pages, follow-up requests, retries and
/// token requests all count towards the same budget.
///
/// With the default budget, a process that reads an environment stays below 200 MiB, whatever the server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Attempts per request, including the first. 6.
    pub attempts: u32,
    /// Time for all attempts of one request, including waits, unless the server names a longer wait. 5 minutes.
    pub time: Duration,
    /// The initial back-off if the server names no wait; it doubles each time and is jittered. Half a second.
    pub first_delay: Duration,
    /// The longest back-off. 30 seconds. A longer `Retry-After` is honoured up to the time of the trip.
    pub longest_delay: Duration,
    /// Decompressed bytes of one reply. In a batch of reads, the limit applies to each answer, because answers are processed as they
    /// arrive. 32 MiB.
    pub reply: u64,
    /// Decompressed bytes of all replies of a trip. 128 MiB.
    pub bytes: u64,
    /// Bytes of memory for the rows of a trip, estimated while they are decoded. 72 MiB.
    pub memory: u64,
    /// Rows of a trip, across all tables and links. 200,000.
    pub rows: u64,
    /// Follow-up pages of a trip. 2,000.
    pub pages: u64,
    /// Time for all requests of a trip. Signing in has its own limits, since it may wait for a person. 15 minutes.
    pub trip: Duration,
}

const MIB: u64 = 1 << 20;

impl Default for Budget {
    fn default() -> Self {
        Budget {
            attempts: 6,
            time: Duration::from_secs(300),
            first_delay: Duration::from_millis(500),
            longest_delay: Duration::from_secs(30),
            reply: 32 * MIB,
            bytes: 128 * MIB,
            memory: 72 * MIB,
            rows: 200_000,
            pages: 2_000,
            trip: Duration::from_secs(900),
        }
    }
}

impl Budget {
    /// The default budget, scaled to the memory that this process may use (`deskstate_files::allow_memory`).
    #[must_use]
    pub fn of_process() -> Budget {
        let usual = Budget::default();
        Budget {
            reply: scaled(usual.reply),
            bytes: scaled(usual.bytes),
            memory: scaled(usual.memory),
            rows: scaled(usual.rows),
            pages: scaled(usual.pages),
            ..usual
        }
    }

    /// Divides the memory limits (reply size, row memory and row count) by a number of readers that run at the same time.
    #[must_use]
    pub fn part(self, parts: u64) -> Budget {
        let parts = parts.max(1);
        Budget {
            reply: self.reply / parts,
            memory: self.memory / parts,
            rows: self.rows / parts,
            ..self
        }
    }
}

/// The limit of a budget that was exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spent {
    /// One reply is larger than this many bytes.
    Reply(u64),
    /// All replies of a trip together are larger than this many bytes.
    Bytes(u64),
    /// The rows of a trip need more than this many bytes of memory.
    Memory(u64),
    /// A trip has more than this many rows.
    Rows(u64),
    /// A trip has more than this many follow-up pages.
    Pages(u64),
    /// A trip took longer than this.
    Time(Duration),
}

impl Spent {
    /// Whether a larger memory budget would help.
    pub fn is_about_memory(self) -> bool {
        !matches!(self, Spent::Time(_))
    }
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Spent::Reply(most) => {
                let size = size(*most);
                return write!(f, "a reply is larger than {size}, the budget of a reply");
            }
            Spent::Bytes(most) => {
                write!(f, "the replies together are larger than {}", size(*most))
            }
            Spent::Memory(most) => write!(f, "the rows need more than {} of memory", size(*most)),
            Spent::Rows(most) => write!(f, "there are more than {most} rows"),
            Spent::Pages(most) => write!(f, "there are more than {most} further pages"),
            Spent::Time(most) => write!(f, "the requests took more than {most:?}"),
        }?;
        f.write_str(", the budget of a trip")
    }
}

fn size(bytes: u64) -> String {
    if bytes.is_multiple_of(MIB) {
        format!("{} MiB", bytes / MIB)
    } else {
        format!("{bytes} bytes")
    }
}

/// Tracks what a trip uses.
#[derive(Debug)]
pub(crate) struct Meter {
    budget: Budget,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    bytes: u64,
    memory: u64,
    rows: u64,
    pages: u64,
    time: Duration,
    running_since: Option<Instant>,
}

impl Meter {
    pub(crate) fn new(budget: Budget) -> Meter {
        Meter {
            budget,
            used: Mutex::default(),
        }
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a trip: resets the usage to zero.
    pub(crate) fn start_trip(&self) {
        let mut used = self.used();
        let running_since = used.running_since.map(|_| Instant::now());
        *used = Used {
            running_since,
            ..Used::default()
        };
    }

    /// Counts time until the guard is dropped.
    pub(crate) fn run(&self) -> Running<'_> {
        self.used().running_since.get_or_insert_with(Instant::now);
        Running(self)
    }

    /// Excludes time that was spent on signing in.
    pub(crate) fn excuse(&self, time: Duration) {
        let mut used = self.used();
        if let Some(since) = &mut used.running_since {
            *since = since.checked_add(time).unwrap_or(*since);
        }
    }

    /// The time left for requests.
    pub(crate) fn time_left(&self) -> Result<Duration, Spent> {
        let used = self.used();
        let running = used
            .running_since
            .map_or(Duration::ZERO, |since| since.elapsed());
        self.budget
            .trip
            .checked_sub(used.time.saturating_add(running))
            .filter(|left| !left.is_zero())
            .ok_or(Spent::Time(self.budget.trip))
    }

    /// Counts bytes of a reply as they arrive or are decompressed.
    pub(crate) fn receive(&self, bytes: usize) -> Result<(), Spent> {
        let mut used = self.used();
        used.bytes = used.bytes.saturating_add(bytes as u64);
        if used.bytes > self.budget.bytes {
            return Err(Spent::Bytes(self.budget.bytes));
        }
        Ok(())
    }

    /// Counts a follow-up page.
    pub(crate) fn turn_page(&self) -> Result<(), Spent> {
        let mut used = self.used();
        used.pages += 1;
        if used.pages > self.budget.pages {
            return Err(Spent::Pages(self.budget.pages));
        }
        Ok(())
    }

    /// Snapshot of the rows and pages used so far, to restore if an answer breaks off.
    pub(crate) fn kept(&self) -> Kept {
        let used = self.used();
        Kept {
            memory: used.memory,
            rows: used.rows,
            pages: used.pages,
        }
    }

    /// Restores a snapshot. Received bytes still count.
    pub(crate) fn back_to(&self, kept: Kept) {
        let mut used = self.used();
        (used.memory, used.rows, used.pages) = (kept.memory, kept.rows, kept.pages);
    }

    /// The room left for rows. Pass it to [`Meter::fill`] afterwards.
    pub(crate) fn room(&self) -> Room {
        let used = self.used();
        Room {
            memory: Remaining::new(self.budget.memory, used.memory),
            rows: Remaining::new(self.budget.rows, used.rows),
        }
    }

    /// Counts the rows that were decoded into a room.
    pub(crate) fn fill(&self, room: &Room) -> Result<(), Spent> {
        let mut used = self.used();
        used.memory = room.memory.used.get();
        used.rows = room.rows.used.get();
        match room.spent() {
            Some(spent) => Err(spent),
            None => Ok(()),
        }
    }
}

/// Rows, memory and pages used of a budget.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    memory: u64,
    rows: u64,
    pages: u64,
}

/// Counts time as long as it exists.
#[derive(Debug)]
pub(crate) struct Running<'a>(&'a Meter);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut used = self.0.used();
        if let Some(since) = used.running_since.take() {
            used.time = used.time.saturating_add(since.elapsed());
        }
    }
}

/// The part of the budget left for the rows that are being decoded.
#[derive(Debug)]
pub(crate) struct Room {
    memory: Remaining,
    rows: Remaining,
}

#[derive(Debug)]
struct Remaining {
    most: u64,
    used: std::cell::Cell<u64>,
}

impl Remaining {
    fn new(most: u64, used: u64) -> Remaining {
        Remaining {
            most,
            used: std::cell::Cell::new(used),
        }
    }

    fn take(&self, amount: u64) -> bool {
        let used = self.used.get().saturating_add(amount);
        self.used.set(used);
        used <= self.most
    }
}

/// The budget is exhausted.
#[derive(Debug)]
pub(crate) struct NoRoom;

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is more than the budget allows")
    }
}

impl Room {
    /// Memory of a row in addition to its cells, including its entries in the indexes by id and by name.
    const ROW: u64 = 256;
    /// Memory of a cell in addition to its text.
    const CELL: u64 = 32;
    /// Memory of a text in addition to its bytes.
    const TEXT: u64 = 32;
    /// Memory of a value inside JSON, in a growing list.
    const NODE: u64 = 160;
    /// Memory of a key of a JSON object in addition to its bytes, in a growing table.
    const KEY: u64 = 96;

    pub(crate) fn row(&self) -> Result<(), NoRoom> {
        self.check(self.rows.take(1) & self.memory.take(Room::ROW))
    }

    pub(crate) fn cell(&self) -> Result<(), NoRoom> {
        self.check(self.memory.take(Room::CELL))
    }

    pub(crate) fn text(&self, length: usize) -> Result<(), NoRoom> {
        self.check(self.memory.take(Room::TEXT + length as u64))
    }

    pub(crate) fn node(&self) -> Result<(), NoRoom> {
        self.check(self.memory.take(Room::NODE))
    }

    pub(crate) fn key(&self, length: usize) -> Result<(), NoRoom> {
        self.check(self.memory.take(Room::KEY + length as u64))
    }

    /// The memory used so far, for [`Room::back_to`].
    pub(crate) fn mark(&self) -> u64 {
        self.memory.used.get()
    }

    /// Releases everything that was built since the mark.
    pub(crate) fn back_to(&self, mark: u64) {
        self.memory.used.set(mark);
    }

    fn check(&self, enough: bool) -> Result<(), NoRoom> {
        if enough { Ok(()) } else { Err(NoRoom) }
    }

    /// The exhausted limit, if any.
    fn spent(&self) -> Option<Spent> {
        if self.rows.used.get() > self.rows.most {
            return Some(Spent::Rows(self.rows.most));
        }
        (self.memory.used.get() > self.memory.most).then_some(Spent::Memory(self.memory.most))
    }
}

#[cfg(any(test, fuzzing))]
impl Room {
    /// The complete room of a trip.
    pub(crate) fn whole() -> Room {
        Meter::new(Budget::default()).room()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_requests_of_a_trip_share_its_bytes_and_pages_and_the_next_trip_has_its_own() {
        let meter = Meter::new(Budget {
            bytes: 100,
            pages: 1,
            ..Budget::default()
        });
        assert_eq!(meter.receive(60), Ok(()));
        assert_eq!(meter.receive(60), Err(Spent::Bytes(100)));
        assert_eq!(meter.turn_page(), Ok(()));
        assert_eq!(meter.turn_page(), Err(Spent::Pages(1)));
        meter.start_trip();
        assert_eq!((meter.receive(60), meter.turn_page()), (Ok(()), Ok(())));
    }

    #[test]
    fn rows_of_several_replies_share_their_room() {
        let meter = Meter::new(Budget {
            rows: 3,
            ..Budget::default()
        });
        for expected in [Ok(()), Err(Spent::Rows(3))] {
            let room = meter.room();
            assert!(room.row().is_ok());
            assert_eq!(room.row().is_ok(), expected.is_ok());
            assert_eq!(meter.fill(&room), expected);
        }
    }

    #[test]
    fn only_the_time_of_requests_counts() {
        let meter = Meter::new(Budget {
            trip: Duration::from_millis(50),
            ..Budget::default()
        });
        std::thread::sleep(Duration::from_millis(60));
        assert!(meter.time_left().is_ok(), "nothing was asked yet");
        let running = meter.run();
        std::thread::sleep(Duration::from_millis(60));
        assert_eq!(
            meter.time_left(),
            Err(Spent::Time(Duration::from_millis(50)))
        );
        meter.excuse(Duration::from_millis(60));
        assert!(meter.time_left().is_ok(), "a person signed in");
        drop(running);
    }
}
