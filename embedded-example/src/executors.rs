//! A lock for a store whose tasks run on several executors: that of thread mode, and one in each interrupt that has one.

use cachify_core::{embassy::CriticalSection, store::lock::Lock};
use cortex_m::peripheral::{SCB, scb::VectActive};

/// A critical section that tells executors apart: who waits on one for what another one loads is no recursion.
#[derive(Clone, Copy, Debug)]
pub struct Executors;

impl Lock for Executors {
    type Of<T> = <CriticalSection as Lock>::Of<T>;
    fn new<T>(value: T) -> Self::Of<T> {
        CriticalSection::new(value)
    }
    fn with<T, R>(cell: &Self::Of<T>, f: impl FnOnce(&mut T) -> R) -> R {
        CriticalSection::with(cell, f)
    }
    fn stack() -> u32 {
        match SCB::vect_active() {
            VectActive::Interrupt { irqn } => 2 + u32::from(irqn),
            _ => 1,
        }
    }
}
