//! The discovery manifest: what the function declares, with what the SDK adds (function-protocol 7).

use serde_json::{Value, json};

use crate::Function;

/// Largest request, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 16 << 20;

/// The manifest of a function under a name, called in these modes.
pub(crate) fn document(function: &dyn Function, name: &str, modes: &[&str]) -> Value {
    let mut manifest = function.manifest();
    manifest["manifestVersion"] = json!(1);
    manifest["protocol"] = json!({"min": 1, "max": 1, "modes": modes, "http": ["1.1"]});
    manifest["function"] = json!({"name": name, "sdk": concat!("evento-rust/", env!("CARGO_PKG_VERSION"))});
    manifest["limits"] = json!({"maxBodyBytes": BODY_BYTES_MAX});
    manifest
}
