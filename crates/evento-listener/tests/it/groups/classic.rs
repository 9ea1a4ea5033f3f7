//! A classic member's life, in every served version.

use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest,
};

use super::client::{Client, Running, text};
use crate::registry::world::World;

const MEMBER_ID_REQUIRED: i16 = 79;
const UNKNOWN_MEMBER_ID: i16 = 25;
const ILLEGAL_GENERATION: i16 = 22;

/// Versions of JoinGroup, SyncGroup, Heartbeat and LeaveGroup that belong together, the oldest first.
const VERSIONS: [(i16, i16, i16, i16); 7] =
    [(2, 0, 0, 0), (3, 1, 1, 1), (4, 2, 2, 2), (5, 3, 3, 3), (6, 4, 4, 4), (7, 5, 4, 5), (7, 5, 4, 4)];

fn group(version: i16) -> GroupId {
    GroupId(text(&format!("group-{version}")))
}

fn join(group: &GroupId, member: &str) -> JoinGroupRequest {
    let range = JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata("said".into());
    JoinGroupRequest::default()
        .with_group_id(group.clone())
        .with_member_id(text(member))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(10_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![range])
}

/// Joins in as many steps as the version has.
pub async fn enter(client: &mut Client, group: &GroupId, version: i16) -> JoinGroupResponse {
    let first = client.ask(version, join(group, "")).await;
    if version < 4 {
        return first;
    }
    assert_eq!(first.error_code, MEMBER_ID_REQUIRED);
    client.ask(version, join(group, &first.member_id)).await
}

#[tokio::test]
async fn a_member_joins_syncs_lives_and_leaves_in_every_version() {
    let world = World::bank().await;
    let running = Running::on(&world).await;
    let mut client = running.client().await;
    for (of_join, of_sync, of_heartbeat, of_leave) in VERSIONS {
        let group = group(of_join * 10 + of_leave);
        let joined = enter(&mut client, &group, of_join).await;
        assert_eq!((joined.error_code, joined.generation_id, joined.members.len()), (0, 1, 1), "JoinGroup {of_join}");
        assert_eq!((&joined.leader, joined.protocol_name.as_deref()), (&joined.member_id, Some("range")));
        assert_eq!(joined.members[0].metadata, "said");
        assert!(joined.member_id.starts_with("tester-"), "{}", joined.member_id);
        let member = joined.member_id;

        let assigned =
            SyncGroupRequestAssignment::default().with_member_id(member.clone()).with_assignment("it".into());
        let sync = SyncGroupRequest::default()
            .with_group_id(group.clone())
            .with_generation_id(1)
            .with_member_id(member.clone());
        let synced = client.ask(of_sync, sync.clone().with_assignments(vec![assigned])).await;
        assert_eq!((synced.error_code, &synced.assignment[..]), (0, &b"it"[..]), "SyncGroup {of_sync}");
        let wrong = client.ask(of_sync, sync.with_generation_id(9)).await;
        assert_eq!(wrong.error_code, ILLEGAL_GENERATION);

        let beat = HeartbeatRequest::default()
            .with_group_id(group.clone())
            .with_generation_id(1)
            .with_member_id(member.clone());
        assert_eq!(client.ask(of_heartbeat, beat.clone()).await.error_code, 0, "Heartbeat {of_heartbeat}");

        let leave = LeaveGroupRequest::default().with_group_id(group.clone());
        let error = if of_leave < 3 {
            client.ask(of_leave, leave.with_member_id(member.clone())).await.error_code
        } else {
            let nobody = MemberIdentity::default().with_member_id(text("nobody"));
            let itself = MemberIdentity::default().with_member_id(member.clone());
            let left = client.ask(of_leave, leave.with_members(vec![itself, nobody])).await;
            assert_eq!(left.members[1].error_code, UNKNOWN_MEMBER_ID);
            assert_eq!(left.members[0].member_id, member);
            left.members[0].error_code
        };
        assert_eq!(error, 0, "LeaveGroup {of_leave}");
        assert_eq!(client.ask(of_heartbeat, beat).await.error_code, UNKNOWN_MEMBER_ID);
    }
}

#[tokio::test]
async fn a_static_member_is_told_as_one_where_the_version_can() {
    let world = World::bank().await;
    let running = Running::on(&world).await;
    let mut client = running.client().await;
    for version in 5..=7 {
        let group = group(version);
        let asked = join(&group, "").with_group_instance_id(Some(text("rack-1")));
        let joined = client.ask(version, asked.clone()).await;
        assert_eq!((joined.error_code, joined.members[0].group_instance_id.as_deref()), (0, Some("rack-1")));
        assert!(joined.member_id.starts_with("rack-1-"));
    }
}

#[tokio::test]
async fn who_waits_for_others_is_answered_when_they_come() {
    let world = World::bank().await;
    let running = Running::on(&world).await;
    let (mut first, mut second) = (running.client().await, running.client().await);
    let group = group(0);
    let (one, two) = tokio::join!(enter(&mut first, &group, 7), enter(&mut second, &group, 7));
    assert_eq!((one.error_code, two.error_code, one.generation_id, two.generation_id), (0, 0, 1, 1));
    assert_eq!(one.leader, two.leader);
    let (leader, mut leading, mut following) = match one.leader == one.member_id {
        true => (&one, first, second),
        false => (&two, second, first),
    };
    let follower = if leader.member_id == one.member_id { &two.member_id } else { &one.member_id };
    let sync = SyncGroupRequest::default().with_group_id(group).with_generation_id(1);
    let given = leader.members.iter().map(|member| {
        let assignment = member.member_id.as_bytes().to_vec().into();
        SyncGroupRequestAssignment::default().with_member_id(member.member_id.clone()).with_assignment(assignment)
    });
    let lead = sync.clone().with_member_id(leader.member_id.clone()).with_assignments(given.collect());
    let follow = sync.with_member_id(follower.clone());
    let (led, followed) = tokio::join!(leading.ask(5, lead), following.ask(5, follow));
    assert_eq!(
        (led.assignment, followed.assignment),
        (leader.member_id.as_bytes().to_vec().into(), follower.as_bytes().to_vec().into())
    );
}
