//! Who comes next, in simulated time: loops, crowds, pools of different sizes, sleepers.

use cachify_core::{
    Instance, Refused,
    cell::waiters::TURN,
    key::Kind,
    op::{Ask, Op},
    primitives::Primitives,
    store::{Asking, Platform, Store, growing::MapStore, lock::NoLock},
    testing::ManualClock,
    time::{Clock, Timer},
};
use cachify_tests::Woken;
