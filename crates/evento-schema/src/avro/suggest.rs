//! "Did you mean …?"

/// The known name nearest to a misspelt one, as the end of a message; empty if none is near.
#[cold]
pub(super) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    if name.len() > 64 {
        return String::new();
    }
    let nearest = known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 3)
        .min();
    nearest.map(|(_, candidate)| format!(", did you mean {candidate}?")).unwrap_or_default()
}
