//! Java. Not there yet: the error says so.

use crate::{GenerateError, GeneratedFile, Ir, Language, Options};

/// Says that this language is not there yet.
pub(crate) fn generate(_: &Ir, _: &Options) -> Result<Vec<GeneratedFile>, GenerateError> {
    Err(GenerateError::NotThereYet(Language::Java))
}
