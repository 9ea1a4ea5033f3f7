//! The embedded log on a real disk: what was reported durable is there after any restart, and damage is named.
#![cfg(feature = "embedded")]

mod backup;
mod beside;
mod bytes;
mod crash;
mod damage;
mod durable;
mod found;
mod scratch;
mod scrub;
