//! What a change is told as: a set read from a request, its refusals as problems, its switches in the answer.

use evento_gateway::node::ApplyRequest;
use evento_gateway::problem::Problem;
use evento_model::{Code, ResourceName};
use evento_schema::catalog::EntityType;
use evento_schema::registry::Registry;
use evento_schema::resource::{Finding, ResourceSet, SourceFile, parse_set};
use serde_json::{Value, json};

use super::Switched;
use crate::node::replay::{Difference, Replayed};
use crate::node::supervisor::StartFailure;

/// Instances with a changed state that a refusal tells of.
const DIFFERENCES_SHOWN: usize = 10;

pub fn read_set(request: &ApplyRequest) -> Result<ResourceSet, Problem> {
    let files: Vec<SourceFile> = request
        .files
        .iter()
        .map(|file| SourceFile { path: file.path.clone(), folder: file.folder.clone(), text: file.text.clone() })
        .collect();
    parse_set(&files, &request.attachments).map_err(refused)
}

/// Findings as a problem: the first error's code, all of them as violations.
pub fn refused(findings: Vec<Finding>) -> Problem {
    let code = findings.iter().find(|finding| finding.is_error()).map_or(2001, |finding| finding.code.0);
    with_violations(code, findings.iter().map(Finding::to_value).collect())
}

pub fn with_violations(code: u16, violations: Vec<Value>) -> Problem {
    let detail = match violations.len() {
        1 => "1 finding, nothing was changed".to_owned(),
        n => format!("{n} findings, nothing was changed"),
    };
    // Status and title are those of a refused set, also for EV2003, which in an address is the asker's own mistake.
    let mut problem = Problem::new(if code == 2003 { 2001 } else { code }, detail);
    problem.code = Code(code);
    problem.violations = violations;
    problem
}

pub fn unstarted(registry: &Registry, name: &ResourceName, failure: StartFailure) -> Vec<Value> {
    if !failure.findings.is_empty() {
        return failure.findings.iter().map(Finding::to_value).collect();
    }
    let mut value = violation(registry, name, failure.code, failure.message);
    if let Some(why) = failure.why {
        value["why"] = why.into();
    }
    vec![value]
}

/// The instances whose states a revision would change, the first of them.
pub fn different(registry: &Registry, name: &ResourceName, entity: &EntityType, replayed: &Replayed) -> Vec<Value> {
    let told = |one: &Difference| {
        let message = format!("{}/{} from event {} on: {}", entity.name, one.id.as_str(), one.seq, one.told());
        violation(registry, name, 2303, message)
    };
    replayed.differences.iter().take(DIFFERENCES_SHOWN).map(told).collect()
}

/// What is wrong with a function, at the place of its resource.
fn violation(registry: &Registry, name: &ResourceName, code: u16, message: String) -> Value {
    let mut value = json!({
        "code": format!("EV{code:04}"), "severity": "error", "kind": "Function", "name": name.as_str(),
        "pointer": "/spec", "message": message,
    });
    if let Some((stored, _)) = registry.function(name) {
        let place = &stored.resource.place;
        value["file"] = place.file.to_string().into();
        value["line"] = place.line.into();
        value["column"] = place.column.into();
    }
    value
}

/// The document of a change with the functions that were switched, or only checked.
pub fn with_functions(mut document: Value, switched: &[Switched], state: &str) -> Value {
    let function = |one: &Switched| {
        json!({"name": one.name.as_str(), "state": state, "revision": one.revision,
            "verifiedEvents": one.verified_events, "rebuiltStates": one.rebuilt})
    };
    document["functions"] = switched.iter().map(function).collect();
    document
}
