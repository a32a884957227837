//! The media of calls: in virtual time over a virtual network, and on real threads and sockets.

mod audio_contract;
mod engine;
mod listening;
mod network;
mod redundancy;
mod session;
mod signal;
