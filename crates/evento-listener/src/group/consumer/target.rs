//! Subscriptions, and what follows from all of them: the target of each member.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::error::ResponseError;
use regex_lite::{Regex, RegexBuilder};
use uuid::Uuid;

use super::Consumer;
use super::beat::{No, no};
use crate::group::Name;
use crate::group::assignor::{Assignor, Parts, Reader};
use crate::group::topics::Topics;

/// Bytes of a regular expression.
const PATTERN_MAX: usize = 1024;
/// Bytes of a compiled one.
const COMPILED_MAX: usize = 32 << 10;
/// Names in one subscription, and bytes of all of them.
const NAMES_MAX: usize = 1000;
const NAMES_BYTES_MAX: usize = 64 << 10;

/// What a member reads.
#[derive(Default, Debug)]
pub(super) struct Subscription {
    names: BTreeSet<Name>,
    pattern: Option<Pattern>,
    /// The topics that are there of these, with their partitions.
    topics: BTreeMap<Uuid, u32>,
    bytes: usize,
}

#[derive(Debug)]
struct Pattern {
    text: Name,
    whole: Regex,
}

/// What a heartbeat says of the subscription; `None`: it has not changed.
pub(super) struct Said {
    names: Option<BTreeSet<Name>>,
    pattern: Option<Option<Pattern>>,
}

impl Subscription {
    pub(super) fn said(names: Option<Vec<Name>>, pattern: Option<&str>) -> Result<Said, No> {
        let bytes: usize = names.iter().flatten().map(|name| name.len()).sum();
        if bytes > NAMES_BYTES_MAX || names.as_ref().is_some_and(|names| names.len() > NAMES_MAX) {
            return no(ResponseError::InvalidRequest, "more than 1,000 topics are named, or with more than 64 KiB");
        }
        let pattern = pattern.map(Pattern::new).transpose()?;
        Ok(Said { names: names.map(|names| names.into_iter().collect()), pattern })
    }

    /// Whether it has changed.
    pub(super) fn update(&mut self, said: Said, topics: &Topics) -> bool {
        let mut changed = false;
        if let Some(names) = said.names.filter(|names| *names != self.names) {
            self.names = names;
            changed = true;
        }
        if let Some(pattern) = said.pattern
            && pattern.as_ref().map(|p| &p.text) != self.pattern.as_ref().map(|p| &p.text)
        {
            self.pattern = pattern;
            changed = true;
        }
        if changed {
            let pattern = self.pattern.as_ref().map_or(0, |pattern| pattern.text.len() + COMPILED_MAX / 8);
            self.bytes = self.names.iter().map(|name| name.len()).sum::<usize>() + pattern;
            self.look_up(topics);
        }
        changed
    }

    /// Finds its topics among those that there are.
    fn look_up(&mut self, topics: &Topics) {
        let named = self.names.iter().filter_map(|name| topics.get(name));
        let matched = topics.all().filter(|(name, _, _)| self.pattern.is_some() && self.reads(name));
        self.topics = named.chain(matched.map(|(_, id, partitions)| (id, partitions))).collect();
    }

    pub(super) fn reads(&self, topic: &str) -> bool {
        self.names.contains(topic) || self.pattern.as_ref().is_some_and(|pattern| pattern.whole.is_match(topic))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Name> {
        self.names.iter()
    }

    pub(super) fn pattern(&self) -> Option<Name> {
        self.pattern.as_ref().map(|pattern| pattern.text.clone())
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Pattern {
    /// An expression that must match the whole name. An empty one is none.
    fn new(text: &str) -> Result<Option<Pattern>, No> {
        if text.is_empty() {
            return Ok(None);
        }
        if text.len() > PATTERN_MAX {
            return no(ResponseError::InvalidRegularExpression, "the expression is longer than 1 KiB");
        }
        match RegexBuilder::new(&format!("^(?:{text})$")).size_limit(COMPILED_MAX).build() {
            Ok(whole) => Ok(Some(Pattern { text: text.into(), whole })),
            Err(_) => no(
                ResponseError::InvalidRegularExpression,
                "the expression is wrong, too large, or uses look-around, back references or Unicode classes",
            ),
        }
    }
}

impl Consumer {
    /// The assignor that most members ask for.
    pub(super) fn preferred(&self) -> Assignor {
        let votes = |kind: Assignor| self.members.values().filter(|member| member.assignor == Some(kind)).count();
        if votes(Assignor::Range) > votes(Assignor::Uniform) { Assignor::Range } else { Assignor::Uniform }
    }

    fn subscribed(&self) -> BTreeMap<Uuid, u32> {
        self.members.values().flat_map(|member| &member.subscription.topics).map(|(id, count)| (*id, *count)).collect()
    }

    /// The topics have changed: targets are made anew if members read what has changed.
    pub(crate) fn topics_changed(&mut self, topics: &Topics) {
        self.members.values_mut().for_each(|member| member.subscription.look_up(topics));
        if self.subscribed() != self.topics {
            self.aim();
        }
    }

    /// A new epoch: every member has a new target.
    pub(super) fn aim(&mut self) {
        self.epoch = self.epoch.checked_add(1).unwrap_or(1);
        self.assignor = self.preferred();
        self.topics = self.subscribed();
        let readers: Vec<Reader<'_>> =
            self.members.values().map(|m| Reader { topics: &m.subscription.topics, has: &m.target }).collect();
        let targets: Vec<Parts> = self.assignor.assign(&self.topics, &readers);
        let ids: Vec<Name> = self.members.keys().cloned().collect();
        self.members.values_mut().zip(targets).for_each(|(member, target)| member.target = target);
        ids.iter().for_each(|id| self.give_up_what_waits(id));
    }

    /// Who is away reads nothing: what it should not have any more is free at once.
    pub(super) fn give_up_what_waits(&mut self, id: &Name) {
        let Some(member) = self.members.get_mut(id).filter(|member| member.away) else { return };
        let given_up: Parts = member.assigned.difference(&member.target).copied().collect();
        member.assigned.retain(|place| member.target.contains(place));
        self.release(&given_up);
    }
}
