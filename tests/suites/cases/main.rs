//! The cases of `conformance.md`, one test for each, named by its id.
//!
//! What a store has a say in runs six ways: on three stores, through two faces, with one expected outcome. Time is
//! moved by hand. A case without a Rust meaning is listed, with the reason, at the top of its group's file.
#![allow(missing_debug_implementations, unreachable_pub, reason = "nobody else uses a test's types")]

mod bad_keys;
mod cached;
mod faces;
mod harness;
mod init;
mod keys;
mod layers;
mod locks;
mod once;
mod pools;
mod world;
