//! Declarations in, what serves or findings out.
