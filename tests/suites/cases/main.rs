//! The cases of `conformance.md`, one test for each, named by its id.
//!
//! What a store has a say in runs six ways: on three stores, through two faces, with one expected outcome. Time is
//! moved by hand. A case without a Rust meaning is listed, with the reason, at the top of its group's file.
#![allow(clippy::unused_async, reason = "a function of the async face need not await to be one")]

mod harness;

mod keys;
