//! Why the rules are what they are.
//!
//! # Leases and fencing
//! A lease is a right that ends by itself. It makes work *efficient*: two workers rarely do the same. It cannot make
//! work *correct*, for a holder can pause past its end (a garbage collector, a suspended laptop, a debugger) and act
//! as if it still held it. What makes it correct is the [fence](crate::token::FencingToken): it grows with every
//! grant, and the guarded resource rejects a lower one than it has seen ([`FenceGate`](crate::token::FenceGate)).
//! The argument is Martin Kleppmann's ("How to do distributed locking", 2016).
//!
//! # Why a lease must end
//! A holder that died cannot give back. Without an end its key would be held for ever, and somebody would write a
//! script that deletes locks. "Never ends" is renewal: whoever lives renews, at every third of the TTL.
//!
//! # Why there is no second copy of the logic
//! Blocking and async halves written twice drift, and every defect is fixed twice. Here a thread is a task whose waits
//! block: the blocking face runs the same future over a clock that parks the thread, and it is ready at its first poll.
//!
//! # What cancellation leaves behind
//! Nothing that lasts. From before the first request is sent, the token lies in a guard whose drop hands it to the
//! store; a store in this process gives it back at once, others in the background, and a lease ends by itself in any
//! case. A waiter that was woken and is dropped before it could act passes the wake-up on.
//!
//! # Caches fail open, leases fail closed
//! A cache that cannot be asked costs time: the body runs. A lock that cannot be asked protects something: the body
//! does not run, and the caller is told why.
