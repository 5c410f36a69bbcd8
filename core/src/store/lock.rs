//! The lock of a RAM store: a type parameter over mutexes that exist.
//!
//! A raw-lock trait of our own would need `unsafe`. `const` constructors belong to each store and lock, since a trait
//! method cannot be `const`.

use core::cell::RefCell;

/// A family of mutexes.
///
/// - MUST give `with` exclusive access to the value.
/// - `with` is never nested, but for a value whose `Clone` or `Drop` calls the store: do not write such a value.
pub trait Lock {
    /// The mutex round a `T`.
    type Of<T>;
    /// A mutex round `value`.
    fn new<T>(value: T) -> Self::Of<T>;
    /// Runs `f` on the value; bounded work, nobody else's code.
    fn with<T, R>(cell: &Self::Of<T>, f: impl FnOnce(&mut T) -> R) -> R;
    /// Tells the stack of the caller from every other that shares the store; never zero.
    ///
    /// One by default: right where all tasks run on one executor. A lock for threads, cores or interrupt executors
    /// tells them apart, else a caller on one takes a flight that is computed on another for a recursion, and computes
    /// too.
    #[must_use]
    fn stack() -> u32 {
        1
    }
}

/// No lock: one thread, no interrupts.
#[derive(Clone, Copy, Debug)]
pub struct NoLock;

impl Lock for NoLock {
    type Of<T> = RefCell<T>;
    fn new<T>(value: T) -> RefCell<T> {
        RefCell::new(value)
    }
    fn with<T, R>(cell: &RefCell<T>, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut cell.borrow_mut())
    }
}

/// A critical section: tasks and interrupts of a microcontroller (feature `critical-section`).
#[cfg(feature = "critical-section")]
#[derive(Clone, Copy, Debug)]
pub struct CriticalSection;

#[cfg(feature = "critical-section")]
impl Lock for CriticalSection {
    type Of<T> = critical_section::Mutex<RefCell<T>>;
    fn new<T>(value: T) -> Self::Of<T> {
        critical_section::Mutex::new(RefCell::new(value))
    }
    fn with<T, R>(cell: &Self::Of<T>, f: impl FnOnce(&mut T) -> R) -> R {
        critical_section::with(|cs| f(&mut cell.borrow_ref_mut(cs)))
    }
}

/// A spin lock: several cores, neither an operating system nor a critical section (feature `spin`).
///
/// Never share such a store with an interrupt of the same core: it would spin for ever.
#[cfg(feature = "spin")]
#[derive(Clone, Copy, Debug)]
pub struct Spin;

#[cfg(feature = "spin")]
impl Lock for Spin {
    type Of<T> = spin::Mutex<T>;
    fn new<T>(value: T) -> spin::Mutex<T> {
        spin::Mutex::new(value)
    }
    fn with<T, R>(cell: &spin::Mutex<T>, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut cell.lock())
    }
}
