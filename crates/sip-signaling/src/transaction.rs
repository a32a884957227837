//! Transports and transactions, taken from rsipstack. This folder is the only place that names it: its types change
//! every month and stay in here, and what we lean on is stated in `tests/upstream_contract.rs`.

mod client;
mod convert;
mod dns;
mod gate;
mod guarded_socket;
mod inspector;
mod layer;
mod locate;
mod server;
mod stream;
mod target;

pub(crate) use client::{ClientEvent, ClientTransaction};
pub(crate) use layer::{LayerConfig, LayerEvent, TransactionLayer};
pub(crate) use server::{Responder, ServerEvent, ServerTransaction};
pub(crate) use stream::ListenConfig;
pub(crate) use target::{Candidate, Target, local_ip_towards, transport_towards};
