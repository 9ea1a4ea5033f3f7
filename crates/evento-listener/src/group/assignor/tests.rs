//! Both assignors: complete, even, and with little change.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;

use super::{Assignor, Parts, Reader};

fn topic(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn topics(partitions: &[u32]) -> BTreeMap<Uuid, u32> {
    partitions.iter().enumerate().map(|(n, count)| (topic(n as u128), *count)).collect()
}

/// Assigns to readers of these topics, who have had this.
fn assign(kind: Assignor, of: &BTreeMap<Uuid, u32>, reads: &[&[u128]], had: &[Parts]) -> Vec<Parts> {
    let none = Parts::new();
    let reads: Vec<BTreeMap<Uuid, u32>> =
        reads.iter().map(|reads| reads.iter().map(|n| (topic(*n), 0)).collect()).collect();
    let readers: Vec<Reader<'_>> =
        reads.iter().enumerate().map(|(n, topics)| Reader { topics, has: had.get(n).unwrap_or(&none) }).collect();
    kind.assign(of, &readers)
}

fn numbers(parts: &Parts, of: u128) -> Vec<i32> {
    parts.iter().filter(|(id, _)| *id == topic(of)).map(|(_, partition)| *partition).collect()
}

#[test]
fn range_gives_neighbours_and_the_same_ones_of_topics_with_equally_many_partitions() {
    let given = assign(Assignor::Range, &topics(&[5, 5, 2]), &[&[0, 1, 2], &[0, 1, 2], &[0, 1]], &[]);
    for of in [0, 1] {
        assert_eq!(given.iter().map(|parts| numbers(parts, of)).collect::<Vec<_>>(), [vec![0, 1], vec![2, 3], vec![4]]);
    }
    assert_eq!(given.iter().map(|parts| numbers(parts, 2)).collect::<Vec<_>>(), [vec![0], vec![1], vec![]]);
}

#[test]
fn uniform_gives_everybody_equally_much_of_every_topic() {
    let given = assign(Assignor::Uniform, &topics(&[12, 12]), &[&[0, 1], &[0, 1], &[0, 1]], &[]);
    for parts in &given {
        assert_eq!((numbers(parts, 0).len(), numbers(parts, 1).len()), (4, 4));
    }
}

#[test]
fn with_uniform_a_newcomer_takes_its_share_and_the_others_keep_the_rest() {
    let of = topics(&[12, 12]);
    let before = assign(Assignor::Uniform, &of, &[&[0, 1], &[0, 1]], &[]);
    let after = assign(Assignor::Uniform, &of, &[&[0, 1], &[0, 1], &[0, 1]], &before);
    for n in [0, 1] {
        assert!(after[n].is_subset(&before[n]), "nothing moves between those who stay");
    }
    assert_eq!(after.iter().map(Parts::len).collect::<Vec<_>>(), [8, 8, 8]);
    assert_eq!((numbers(&after[2], 0).len(), numbers(&after[2], 1).len()), (4, 4));
}

#[test]
fn with_uniform_whoever_can_read_only_little_gets_it_first() {
    let given = assign(Assignor::Uniform, &topics(&[4, 4]), &[&[0, 1], &[0]], &[]);
    assert_eq!((numbers(&given[0], 1).len(), numbers(&given[1], 0).len()), (4, 4));
}

#[test]
fn more_readers_than_partitions_leave_some_without() {
    for kind in [Assignor::Uniform, Assignor::Range] {
        let given = assign(kind, &topics(&[2]), &[&[0], &[0], &[0]], &[]);
        assert_eq!(given.iter().map(Parts::len).sum::<usize>(), 2);
        assert!(given.iter().all(|parts| parts.len() <= 1));
    }
    for kind in [Assignor::Uniform, Assignor::Range] {
        assert_eq!(assign(kind, &topics(&[2]), &[], &[]), Vec::<Parts>::new());
        assert_eq!(assign(kind, &topics(&[2]), &[&[7]], &[]), [Parts::new()]);
    }
}

proptest! {
    #[test]
    fn every_partition_that_somebody_reads_goes_to_one_reader_of_its_topic(
        partitions in prop::collection::vec(0u32..20, 1..5),
        reads in prop::collection::vec(prop::collection::btree_set(0u128..5, 0..5), 0..9),
        range in any::<bool>(),
        leaving in 0usize..9,
    ) {
        let (of, kind) = (topics(&partitions), if range { Assignor::Range } else { Assignor::Uniform });
        let mut reads: Vec<Vec<u128>> = reads.into_iter().map(|reads| reads.into_iter().collect()).collect();
        let mut had = Vec::new();
        for _ in 0..2 {
            let slices: Vec<&[u128]> = reads.iter().map(Vec::as_slice).collect();
            had = assign(kind, &of, &slices, &had);
            let mut seen = BTreeSet::new();
            for (parts, reads) in had.iter().zip(&reads) {
                for (id, partition) in parts {
                    prop_assert!(reads.iter().any(|n| topic(*n) == *id), "given what it does not read");
                    prop_assert!(seen.insert((*id, *partition)), "given twice");
                }
            }
            let read = |id: &Uuid| reads.iter().flatten().any(|n| topic(*n) == *id);
            let wanted: usize = of.iter().filter(|(id, _)| read(id)).map(|(_, count)| *count as usize).sum();
            prop_assert_eq!(seen.len(), wanted);
            // One goes, and the others must take over.
            if leaving < reads.len() {
                reads.remove(leaving);
                had.remove(leaving);
            }
        }
    }

    #[test]
    fn uniform_differs_by_at_most_one_when_all_read_the_same(
        partitions in prop::collection::vec(0u32..30, 1..4),
        readers in 1usize..9,
        before in 1usize..9,
    ) {
        let of = topics(&partitions);
        let all: Vec<u128> = (0..partitions.len() as u128).collect();
        let had = assign(Assignor::Uniform, &of, &vec![&all[..]; before], &[]);
        let given = assign(Assignor::Uniform, &of, &vec![&all[..]; readers], &had);
        let loads: Vec<usize> = given.iter().map(Parts::len).collect();
        prop_assert!(loads.iter().max().unwrap() - loads.iter().min().unwrap() <= 1, "{:?}", loads);
    }
}
