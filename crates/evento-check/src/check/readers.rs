//! C9: what readers of streams saw is in the log as they saw it, and they saw it in order.

use rustc_hash::FxHashMap;

use super::{About, Findings, Index};
use crate::history::{Line, What, content_digest};

/// Where a reader is with an instance.
struct Place {
    seq: u64,
    /// The reader's start in which it saw that.
    start: u64,
}

pub(super) fn judge(history: &[Line], index: &Index<'_>, findings: &mut Findings) {
    let mut starts: FxHashMap<&str, u64> = FxHashMap::default();
    let mut places: FxHashMap<(&str, &str), Place> = FxHashMap::default();
    for line in history {
        let reader = line.c.as_deref().unwrap_or_default();
        match &line.what {
            What::Restart => *starts.entry(reader).or_default() += 1,
            What::Seen { k, seq, .. } => {
                let start = starts.get(reader).copied().unwrap_or(0);
                let before = places.insert((reader, k), Place { seq: *seq, start });
                let fits = match &before {
                    // One that never began anew reads from the beginning.
                    None => *seq == 1 || start > 0,
                    Some(place) if place.start == start => *seq == place.seq.saturating_add(1),
                    Some(place) => *seq <= place.seq.saturating_add(1),
                };
                findings.look(9, fits, || {
                    let before = before.map_or(0, |place| place.seq);
                    About::k(k, format!("reader {reader} saw sequence {seq} after {before}"))
                });
                as_stored(line, index, findings);
            }
            _ => {}
        }
    }
}

fn as_stored(line: &Line, index: &Index<'_>, findings: &mut Findings) {
    let What::Seen { k, seq, pos, ed, cmd } = &line.what else { return };
    let known = index.get(k);
    let stored = known.and_then(|known| Some((known, known.event(*seq)?)));
    findings.look(9, stored.is_some(), || {
        About::k(k, format!("sequence {seq} was seen, and is not in the log")).command(cmd)
    });
    let Some((known, event)) = stored else { return };
    let found = format!("{}.events/{}/{}", known.entity.name, known.instance.partition, event.offset);
    findings.look(9, found == *pos && event.command == *cmd, || {
        let message =
            format!("sequence {seq} was seen at {pos} of {cmd}; the log has it at {found} of {}", event.command);
        About::k(k, message).command(cmd)
    });
    findings.look(9, content_digest(&event.type_name, &event.payload) == *ed, || {
        About::k(k, format!("sequence {seq} was seen with content {ed}; the log has another")).command(cmd)
    });
}
