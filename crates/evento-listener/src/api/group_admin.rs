//! FindCoordinator, ListGroups, DescribeGroups and DeleteGroups: what tools and clients ask about groups.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    BrokerId, DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
    FindCoordinatorRequest, FindCoordinatorResponse, GroupId, ListGroupsRequest, ListGroupsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::group::code;
use super::{Call, text};
use crate::broker::NODE;
use crate::group::{Group, Kind, Name};

/// Kinds of keys in FindCoordinator: a group, a transactional id.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
/// What a client may do with a group, as bits (KIP-430): read, delete, describe.
const OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8;
/// Not asked for.
const NOT_SAID: i32 = i32::MIN;

/// What may be done with a group, if that is asked for.
pub(super) fn operations(asked: bool) -> i32 {
    if asked { OPERATIONS } else { NOT_SAID }
}

pub(crate) async fn find(call: &Call<'_>, request: FindCoordinatorRequest) -> FindCoordinatorResponse {
    let (host, port) = &call.broker.advertised;
    let error = |key: &str| match request.key_type {
        GROUP | TRANSACTION if key.is_empty() && request.key_type == GROUP => Some(ResponseError::InvalidGroupId),
        GROUP | TRANSACTION => None,
        _ => Some(ResponseError::InvalidRequest),
    };
    if call.version < 4 {
        let error = error(&request.key);
        return FindCoordinatorResponse::default()
            .with_error_code(code(error))
            .with_error_message(error.filter(|_| call.version >= 1).map(|error| text(error.to_string())))
            .with_node_id(BrokerId(NODE))
            .with_host(text(&**host))
            .with_port(i32::from(*port));
    }
    let coordinators = request.coordinator_keys.into_iter().map(|key| {
        let error = error(&key);
        Coordinator::default()
            .with_key(key)
            .with_node_id(BrokerId(NODE))
            .with_host(text(&**host))
            .with_port(i32::from(*port))
            .with_error_code(code(error))
            .with_error_message(error.map(|error| text(error.to_string())))
    });
    FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
}

pub(crate) async fn list(call: &Call<'_>, request: ListGroupsRequest) -> ListGroupsResponse {
    let wanted = |filter: &[StrBytes], is: &str| filter.is_empty() || filter.iter().any(|f| f.eq_ignore_ascii_case(is));
    let state = call.broker.groups.state();
    let shown = |(_, group): &(&Name, &Group)| {
        wanted(&request.states_filter, group.state()) && wanted(&request.types_filter, group.kind.as_str())
    };
    let groups = state.groups.all().filter(shown).map(|(name, group)| {
        ListedGroup::default()
            .with_group_id(GroupId(text(&**name)))
            .with_protocol_type(text(group.protocol_type()))
            .with_group_state(if call.version >= 4 { text(group.state()) } else { StrBytes::default() })
            .with_group_type(if call.version >= 5 { text(group.kind.as_str()) } else { StrBytes::default() })
    });
    ListGroupsResponse::default().with_groups(groups.collect())
}

pub(crate) async fn describe(call: &Call<'_>, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let groups = request.groups.into_iter().map(|id| {
        let state = call.broker.groups.state();
        let found = state.groups.get(&id).map(|group| &group.kind);
        let described = DescribedGroup::default()
            .with_group_id(id)
            .with_authorized_operations(operations(request.include_authorized_operations));
        // Also a group of the other kind is, to this request, none.
        let Some(Kind::Classic(classic)) = found else { return described.with_group_state(text("Dead")) };
        let members = classic.view().into_iter().map(|member| {
            let instance = member.instance.filter(|_| call.version >= 4).map(|instance| text(&*instance));
            DescribedGroupMember::default()
                .with_member_id(text(&*member.id))
                .with_group_instance_id(instance)
                .with_client_id(text(&*member.origin.client))
                .with_client_host(text(&*member.origin.host))
                .with_member_metadata(member.metadata)
                .with_member_assignment(member.assignment)
        });
        described
            .with_group_state(text(classic.state()))
            .with_protocol_type(text(classic.protocol_type().map(|name| &**name).unwrap_or_default()))
            .with_protocol_data(text(classic.protocol().map(|name| &**name).unwrap_or_default()))
            .with_members(members.collect())
    });
    DescribeGroupsResponse::default().with_groups(groups.collect())
}

pub(crate) async fn delete(call: &Call<'_>, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let mut results = Vec::with_capacity(request.groups_names.len());
    for group in request.groups_names {
        let deleted = call.broker.delete_group(&group).await;
        results.push(DeletableGroupResult::default().with_group_id(group).with_error_code(code(deleted.err())));
    }
    DeleteGroupsResponse::default().with_results(results)
}
