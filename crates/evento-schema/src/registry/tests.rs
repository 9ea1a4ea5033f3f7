//! Sets in, changes or findings out.
