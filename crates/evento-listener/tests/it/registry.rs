//! The schema registry API: requests in, status and body out, on a log that holds the bank's resources.

mod compatibility;
mod posted;
mod routes;
mod stable;
mod unions;
pub mod world;
