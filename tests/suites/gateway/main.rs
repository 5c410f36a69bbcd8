//! The gateway as a process: its command line, its lines, devices in QEMU behind it and servers beside it.
#![allow(clippy::disallowed_methods, reason = "real servers live in real time")]

mod command_line;
mod crowd;
mod firmware;
mod keys;
mod lines;
mod node;
mod room;
mod sockets;
mod status;
mod two_units;
