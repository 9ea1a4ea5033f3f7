//! The S rules: what the reference function of an SDK must do beyond what any function must.
