//! The HTTP host against real peers: every wire, both framings, and a peer that answers everything wrong.

mod decoders;
mod golden;
mod hostile;
mod peer;
mod raw;
