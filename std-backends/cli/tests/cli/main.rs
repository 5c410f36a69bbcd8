//! The tool as a process, against servers and holders that it did not start.
#![allow(clippy::disallowed_methods, reason = "real servers live in real time")]

mod bad_input;
mod changing;
mod doctor;
mod looking;
mod pages;
mod rights;
mod top;
mod watching;
mod world;
