//! The keeper of memory after a fork: a child has a copy of what is held, but not the thread that renews it, and perhaps
//! not the thread that held the keeper's lock. So it goes on with a keeper of its own.
//!
//! What the child took over from its parent ends with its lease there.

use super::Keeper;
use crate::{clock::StdClock, process};
use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// A keeper for each process.
pub(crate) struct Family {
    process: u32,
    keeper: Keeper,
    /// When a process last asked which one it is, in microseconds.
    looked: AtomicU64,
    child: OnceLock<Box<Family>>,
}

/// How long an answer holds, in microseconds. The system call costs a fifth of a grant in memory, so a loop of grants asks
/// it now and then; a fork alone takes longer than this.
const HOLDS: u64 = 16;

impl Family {
    pub(crate) fn new(clock: StdClock) -> Self {
        Self { process: process::id(), keeper: Keeper::new(clock), looked: AtomicU64::new(0), child: OnceLock::new() }
    }

    /// The keeper of this process, at a time in microseconds.
    pub(crate) fn at(&self, micros: u64) -> &Keeper {
        match self.child.get() {
            Some(child) => child.at(micros),
            // backwards too: the clock of a test may be set
            None if micros.wrapping_sub(self.looked.load(Relaxed)) < HOLDS => &self.keeper,
            None => {
                self.looked.store(micros, Relaxed);
                self.here()
            }
        }
    }

    /// The keeper of this process, for certain.
    pub(crate) fn here(&self) -> &Keeper {
        if self.process == process::id() {
            return &self.keeper;
        }
        self.child.get_or_init(|| Box::new(Self::new(self.keeper.clock().clone()))).here()
    }
}
