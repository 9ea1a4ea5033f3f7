//! Sets in, changes or findings out.

mod delete;
mod evolution;
mod set;
mod store;

use std::collections::HashMap;

use evento_model::{EntityTypeId, FullName, TopicKind};

use super::{Change, NoUsage, Registry, Usage};
use crate::resource::tests::{bank, told};
use crate::resource::{Finding, ResourceSet};

/// A log with so many instances per entity and so many records per type.
#[derive(Default)]
struct Log {
    instances: u64,
    records: HashMap<&'static str, u64>,
}

impl Usage for Log {
    fn instances(&self, _entity: EntityTypeId) -> u64 {
        self.instances
    }

    fn records(&self, _entity: EntityTypeId, _topic: TopicKind, name: &FullName) -> u64 {
        self.records.get(name.as_str()).copied().unwrap_or(0)
    }
}

fn applied(registry: &Registry, set: &ResourceSet) -> Change {
    registry.plan(set, &NoUsage).unwrap_or_else(|findings| panic!("{:#?}", told(&findings)))
}

fn bank_registry() -> Registry {
    applied(&Registry::default(), &bank()).registry
}

/// Checks that findings are exactly these: code, resource, pointer, part of the message.
fn are(findings: &[Finding], expected: &[(u16, &str, &str, &str)]) {
    let found: Vec<(u16, &str, &str)> =
        findings.iter().map(|f| (f.code.0, f.name.as_deref().unwrap_or_default(), f.pointer.as_str())).collect();
    let wanted: Vec<(u16, &str, &str)> =
        expected.iter().map(|(code, name, pointer, _)| (*code, *name, *pointer)).collect();
    assert_eq!(found, wanted, "{:#?}", told(findings));
    for (finding, (.., part)) in findings.iter().zip(expected) {
        assert!(finding.message.contains(part), "{}", finding.message);
    }
}
