//! The listener and the schema registry, each on a real log, asked as clients ask them.

mod registry;
