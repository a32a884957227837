//! Tests of the built command, as a person or a script runs it.

mod accounts;
mod calls;
mod demo;
mod faults;
mod peer;
mod process;
mod steering;
mod usage;
