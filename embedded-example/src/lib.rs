//! The board: what a port to other hardware replaces.
#![no_std]

pub mod board;
