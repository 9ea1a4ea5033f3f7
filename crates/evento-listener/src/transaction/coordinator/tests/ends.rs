//! How transactions end: committed, aborted, or killed in between.

use super::*;

#[test]
fn a_committed_transaction_gives_its_commands_once_and_is_answered_the_same_again() {
    let mut world = World::default();
    let who = world.init("t");
    assert_eq!(world.stage("t", who, commands(1)), Err(InvalidTxnState), "nothing was begun");
    world.add("t", who).expect("begun");
    world.stage("t", who, commands(2)).expect("held");
    world.stage("t", who, vec![command(2, 9)]).expect("held");
    let sent = world.end("t", who, true).expect("committed");
    assert_eq!(sent, [commands(2), vec![command(2, 9)]].concat());
    // Until they are sent, the id is busy.
    assert_eq!(world.end("t", who, true), Err(ConcurrentTransactions));
    assert_eq!(world.add("t", who), Err(ConcurrentTransactions));
    assert_eq!(world.init_as("t", None), Err(ConcurrentTransactions));
    world.completed("t", &sent);
    assert_eq!(world.end("t", who, true), Ok(Vec::new()));
    assert_eq!(world.end("t", who, false), Err(InvalidTxnState));
    world.add("t", who).expect("the next one");
    assert_eq!(world.end("t", who, true), Ok(Vec::new()), "it may be empty");
    assert_eq!(world.coordinator.bytes, 0);
}

#[test]
fn an_aborted_transaction_never_happened() {
    let mut world = World::default();
    let who = world.init("t");
    world.add("t", who).expect("begun");
    world.stage("t", who, commands(3)).expect("held");
    assert_eq!(world.end("t", who, false), Ok(Vec::new()));
    assert_eq!(world.end("t", who, false), Ok(Vec::new()));
    assert_eq!(world.end("t", who, true), Err(InvalidTxnState));
    assert_eq!(world.coordinator.bytes, 0);
    assert!(world.again().is_empty());
    assert_eq!(world.end("t", who, false), Ok(Vec::new()), "also after a restart");
}

#[test]
fn what_cannot_be_written_has_not_happened() {
    let mut world = World::default();
    let Ok(Init::Given(write, ..)) = world.coordinator.init(Timestamp(0), "t", TIMEOUT_MS, None, Some(1)) else {
        panic!("a producer");
    };
    world.coordinator.settle(Timestamp(0), &write.id, false);
    assert_eq!(world.add("t", (1, 0)), Err(InvalidProducerIdMapping));
    assert_eq!(world.coordinator.all().count(), 0);
    let who = world.init("t");
    world.add("t", who).expect("begun");
    world.stage("t", who, commands(2)).expect("held");
    let claim = Claim { id: "t", producer: who.0, epoch: who.1, connection: 1 };
    for _ in 0..2 {
        let Ok(Ended::Deciding(write)) = world.coordinator.end(Timestamp(0), claim, true) else { panic!("undecided") };
        assert!(world.coordinator.settle(Timestamp(0), &write.id, false).commands.is_empty());
    }
    assert_eq!(world.end("t", who, true), Ok(commands(2)), "the client asks again");
}

#[test]
fn a_kill_at_each_step_leaves_all_of_a_transaction_or_nothing() {
    // Before the commit is durable nothing is left, and the client is told so whatever it asks.
    let mut world = World::default();
    let who = world.init("t");
    world.add("t", who).expect("begun");
    world.stage("t", who, commands(3)).expect("held");
    assert!(world.again().is_empty());
    assert_eq!(world.add("t", who), Err(UnknownProducerId), "else the rest would be committed without the first part");
    assert_eq!(world.stage("t", who, commands(1)), Err(UnknownProducerId));
    assert_eq!(world.end("t", who, true), Err(UnknownProducerId));
    let mut aborting = World { disk: world.disk.clone(), ..World::default() };
    aborting.again();
    assert_eq!(aborting.end("t", who, false), Ok(Vec::new()), "it may abort and go on");
    assert_eq!(aborting.add("t", who), Ok(()));
    let who = world.init_as("t", Some(who)).expect("or get a new epoch");
    world.add("t", who).expect("begun");
    world.stage("t", who, commands(3)).expect("held");
    // Once it is durable, all of it is sent, by this server or the next one, until it was sent.
    let claim = Claim { id: "t", producer: who.0, epoch: who.1, connection: 1 };
    let Ok(Ended::Deciding(write)) = world.coordinator.end(Timestamp(0), claim, true) else { panic!("undecided") };
    world.put(&write);
    for _ in 0..2 {
        assert_eq!(world.again(), commands(3));
        assert_eq!(world.end("t", who, true), Err(ConcurrentTransactions));
        assert_eq!(world.init_as("t", None), Err(ConcurrentTransactions));
    }
    world.completed("t", &commands(3));
    assert_eq!(world.end("t", who, true), Ok(Vec::new()));
    assert!(world.again().is_empty());
    assert_eq!(world.end("t", who, true), Ok(Vec::new()), "its answer was lost");
    assert_eq!(world.add("t", who), Ok(()));
}

#[test]
fn nothing_is_taken_before_it_is_durable_that_the_transaction_has_begun() {
    let mut world = World::default();
    let who = world.init("t");
    let claim = Claim { id: "t", producer: who.0, epoch: who.1, connection: 1 };
    for durable in [false, true] {
        let write = world.coordinator.add(Timestamp(0), claim, [PLACE]).expect("allowed").expect("begun");
        assert_eq!(world.stage("t", who, commands(1)), Err(ConcurrentTransactions));
        assert_eq!(world.add("t", who), Err(ConcurrentTransactions));
        world.coordinator.settle(Timestamp(0), &write.id, durable);
        let staged = world.stage("t", who, commands(1));
        assert_eq!(staged, if durable { Ok(()) } else { Err(InvalidTxnState) });
    }
}

#[test]
fn offsets_are_written_with_the_commit_or_not_at_all() {
    let fact = |n: u8| (Bytes::from(format!("kafka/offset/{n}")), Some(Bytes::from(vec![n])));
    for commit in [true, false] {
        let mut world = World::default();
        let who = world.init("t");
        let claim = Claim { id: "t", producer: who.0, epoch: who.1, connection: 1 };
        assert_eq!(world.coordinator.commits_for(claim, "g"), Err(InvalidTxnState));
        let begin = world.coordinator.add_group(Timestamp(0), claim, "g").expect("allowed").expect("begun");
        world.write(begin);
        assert_eq!(world.coordinator.commits_for(claim, "h"), Err(InvalidTxnState));
        assert_eq!(world.coordinator.commits_for(claim, "g"), Ok(()));
        world.coordinator.hold(claim, vec![fact(1), fact(2)]).expect("held");
        world.coordinator.hold(claim, vec![fact(2)]).expect("held");
        assert!(!world.disk.contains_key(&fact(1).0));
        let Ok(Ended::Deciding(write)) = world.coordinator.end(Timestamp(0), claim, commit) else {
            panic!("undecided")
        };
        assert_eq!(world.write(write).ended, Some(who.0));
        assert_eq!([1, 2].map(|n| world.disk.contains_key(&fact(n).0)), [commit; 2]);
        assert_eq!(world.coordinator.bytes, 0);
    }
}

#[test]
fn the_fact_of_a_complete_transaction_is_deleted_by_the_next_one_or_by_itself() {
    let mut world = World::default();
    let who = world.init("t");
    let key = record::redo_key("t");
    for idle in [true, false] {
        world.add("t", who).expect("begun");
        world.stage("t", who, commands(1)).expect("held");
        let sent = world.end("t", who, true).expect("committed");
        assert!(!world.coordinator.tidy("t"), "it is being sent");
        world.coordinator.completed(Timestamp(0), "t", record::weights(&sent));
        assert!(world.disk.contains_key(&key));
        if idle {
            assert!(world.coordinator.tidy("t"));
            world.disk.remove(&key);
        }
        world.add("t", who).expect("begun");
        assert!(!world.disk.contains_key(&key) && !world.coordinator.tidy("t"));
        world.end("t", who, false).expect("aborted");
    }
}

#[test]
fn what_is_shown_are_the_words_of_the_protocol() {
    let mut world = World::default();
    let who = world.init("t");
    let word = |world: &World| world.coordinator.one("t").expect("known").state;
    assert_eq!(word(&world), "Empty");
    world.add("t", who).expect("begun");
    assert_eq!(word(&world), "Ongoing");
    assert_eq!(world.coordinator.one("t").expect("known").places, [PLACE]);
    world.stage("t", who, commands(1)).expect("held");
    let sent = world.end("t", who, true).expect("committed");
    assert_eq!(word(&world), "PrepareCommit");
    world.completed("t", &sent);
    assert_eq!(word(&world), "CompleteCommit");
    world.add("t", who).expect("begun");
    world.end("t", who, false).expect("aborted");
    assert_eq!(word(&world), "CompleteAbort");
    assert!(world.coordinator.one("unknown").is_none());
}
