//! The judge on clean histories, on each rule's violation, and on every mutation of a clean history.

mod clean;
mod mutations;
mod rules;
