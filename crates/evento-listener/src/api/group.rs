//! JoinGroup, SyncGroup, Heartbeat and LeaveGroup: the classic group protocol.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse,
    SyncGroupRequest, SyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::{Call, NONE, text};
use crate::group::{Answer, Granted, Join, Joined, Name, Origin, Refused, Sync};

/// Characters of a client's own name in the id that its member gets.
const CLIENT_PART: usize = 64;

/// A name that does not hold on to the request.
pub(super) fn name(text: &StrBytes) -> Name {
    Name::from(&**text)
}

pub(super) fn name_if(text: &Option<StrBytes>) -> Option<Name> {
    text.as_ref().map(name)
}

pub(super) fn millis(millis: i32) -> Duration {
    Duration::from_millis(millis.max(0) as u64)
}

pub(super) fn code(error: Option<ResponseError>) -> i16 {
    error.map_or(NONE, |error| error.code())
}

fn copied(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

pub(super) fn origin(call: &Call<'_>) -> Origin {
    let client: String = call.client.id.chars().take(CLIENT_PART).collect();
    Origin { client: client.into(), host: format!("/{}", call.client.address.ip()).into() }
}

/// A member id that nobody has: who it is, and chance.
fn fresh(call: &Call<'_>, instance: Option<&str>) -> Name {
    let chance = uuid::Builder::from_random_bytes(call.broker.node.seed().0).into_uuid();
    let who: String = instance.unwrap_or(&call.client.id).chars().take(CLIENT_PART).collect();
    format!("{who}-{chance}").into()
}

pub(crate) async fn join(call: &Call<'_>, request: JoinGroupRequest) -> JoinGroupResponse {
    let instance = name_if(&request.group_instance_id);
    let join = Join {
        member: name(&request.member_id),
        origin: origin(call),
        session: millis(request.session_timeout_ms),
        rebalance: millis(request.rebalance_timeout_ms),
        protocol_type: name(&request.protocol_type),
        protocols: request.protocols.iter().map(|one| (name(&one.name), copied(&one.metadata))).collect(),
        two_steps: call.version >= 4,
        fresh: fresh(call, instance.as_deref()),
        instance,
    };
    let group = name(&request.group_id);
    drop(request);
    let answer = call.broker.groups.wait(|groups, now, ticket, out| groups.join(now, ticket, &group, join, out)).await;
    match answer {
        Some(Answer::Joined(Ok(joined))) => granted(call, joined),
        Some(Answer::Joined(Err(Refused { error, member }))) => refused(call, error, &member),
        _ => refused(call, ResponseError::CoordinatorNotAvailable, ""),
    }
}

fn granted(call: &Call<'_>, joined: Joined) -> JoinGroupResponse {
    let members = joined.members.into_iter().map(|member| {
        let instance = member.instance.filter(|_| call.version >= 5).map(|instance| text(&*instance));
        JoinGroupResponseMember::default()
            .with_member_id(text(&*member.id))
            .with_group_instance_id(instance)
            .with_metadata(member.metadata)
    });
    JoinGroupResponse::default()
        .with_generation_id(joined.generation)
        .with_protocol_type((call.version >= 7).then(|| text(&*joined.protocol_type)))
        .with_protocol_name(Some(text(&*joined.protocol)))
        .with_leader(text(&*joined.leader))
        .with_member_id(text(&*joined.member))
        .with_members(members.collect())
}

fn refused(call: &Call<'_>, error: ResponseError, member: &str) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .with_error_code(error.code())
        .with_member_id(text(member))
        // Null is a word for "none" only from version 7.
        .with_protocol_name((call.version < 7).then(StrBytes::default))
}

pub(crate) async fn sync(call: &Call<'_>, request: SyncGroupRequest) -> SyncGroupResponse {
    let sync = Sync {
        member: name(&request.member_id),
        instance: name_if(&request.group_instance_id),
        generation: request.generation_id,
        protocol_type: name_if(&request.protocol_type),
        protocol: name_if(&request.protocol_name),
        assignments: request.assignments.iter().map(|one| (name(&one.member_id), copied(&one.assignment))).collect(),
    };
    let group = name(&request.group_id);
    drop(request);
    let answer = call.broker.groups.wait(|groups, now, ticket, out| groups.sync(now, ticket, &group, sync, out)).await;
    let said = |name: &Name| (call.version >= 5).then(|| text(&**name));
    match answer {
        Some(Answer::Synced(Ok(synced))) => SyncGroupResponse::default()
            .with_protocol_type(said(&synced.protocol_type))
            .with_protocol_name(said(&synced.protocol))
            .with_assignment(synced.assignment),
        Some(Answer::Synced(Err(error))) => SyncGroupResponse::default().with_error_code(error.code()),
        _ => SyncGroupResponse::default().with_error_code(ResponseError::CoordinatorNotAvailable.code()),
    }
}

pub(crate) async fn heartbeat(call: &Call<'_>, request: HeartbeatRequest) -> HeartbeatResponse {
    let instance = request.group_instance_id.as_deref();
    let alive = call.broker.groups.ask(|state, now, _| {
        state.groups.heartbeat(now, &request.group_id, &request.member_id, instance, request.generation_id)
    });
    HeartbeatResponse::default().with_error_code(code(alive.err()))
}

pub(crate) async fn leave(call: &Call<'_>, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let one = |id: &str, instance: Option<&str>| -> Granted<()> {
        call.broker.groups.ask(|state, now, out| state.groups.leave(now, &request.group_id, id, instance, out))
    };
    if call.version < 3 {
        return LeaveGroupResponse::default().with_error_code(code(one(&request.member_id, None).err()));
    }
    let members = request.members.iter().map(|MemberIdentity { member_id, group_instance_id, .. }| {
        MemberResponse::default()
            .with_member_id(member_id.clone())
            .with_group_instance_id(group_instance_id.clone())
            .with_error_code(code(one(member_id, group_instance_id.as_deref()).err()))
    });
    LeaveGroupResponse::default().with_members(members.collect())
}
