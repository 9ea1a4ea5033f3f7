"""aiokafka as the tests use it. See ../README.md for the contract."""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError, ProducerFenced
from contract import (
    FENCED,
    PATIENCE,
    Registry,
    emit,
    emit_cloudevent,
    emit_decoded,
    emit_record,
    emit_seen,
    headers_of,
    main,
    stdin_ended,
    value_of,
)

ASSIGNORS = [RangePartitionAssignor, RoundRobinPartitionAssignor, StickyPartitionAssignor]


async def consumer_of(o, *topics, **more):
    settings = {"enable_auto_commit": False, "auto_offset_reset": "earliest"}
    isolation = o.isolation or "read_committed"
    consumer = AIOKafkaConsumer(
        *topics, bootstrap_servers=o.bootstrap, isolation_level=isolation, **{**settings, **more}
    )
    await consumer.start()
    return consumer


async def assigned(o):
    """A consumer of all partitions without a group, and these partitions."""
    consumer = await consumer_of(o)
    await consumer._client.set_topics([o.topic])
    partitions = [TopicPartition(o.topic, each) for each in sorted(consumer.partitions_for_topic(o.topic))]
    consumer.assign(partitions)
    return consumer, partitions


def raw(message):
    headers = message.headers
    emit_record(message.partition, message.offset, message.key, message.timestamp, headers, message.value)


async def read(o, consumer, each):
    """Hands `count` wanted messages to `each`, and the offset after the last message seen of each partition back."""
    after, left = {}, o.count
    while left > 0:
        message = await asyncio.wait_for(consumer.getone(), PATIENCE)
        after[TopicPartition(o.topic, message.partition)] = message.offset + 1
        if o.wants(message.key.decode()):
            each(message)
            left -= 1
    return after


async def from_beginning(o, each):
    consumer, partitions = await assigned(o)
    await consumer.seek_to_beginning(*partitions)
    await read(o, consumer, each)
    await consumer.stop()


async def consume(o):
    await from_beginning(o, raw)


async def cloudevent(o):
    await from_beginning(o, lambda message: emit_cloudevent(message.key, message.headers, message.value))


async def avro(o):
    registry = Registry(o.registry)

    def each(message):
        emit_decoded(message.partition, message.offset, message.key, *registry.decode(message.value))

    await from_beginning(o, each)


async def seek(o):
    consumer, partitions = await assigned(o)
    found = await consumer.offsets_for_times({each: o.timestamp for each in partitions})
    for partition in partitions:
        if found[partition] is None:
            await consumer.seek_to_end(partition)
        else:
            consumer.seek(partition, found[partition].offset)
    await read(o, consumer, raw)
    await consumer.stop()


async def take(o):
    consumer = await consumer_of(o, o.topic, group_id=o.group)
    after = await read(o, consumer, raw)
    await consumer.commit(after)
    emit(committed={each.partition: await consumer.committed(each) for each in after})
    await consumer.stop()


async def member(o):
    ended = stdin_ended()
    settings = {"session_timeout_ms": o.session, "heartbeat_interval_ms": 500, "group_id": o.group}
    settings["partition_assignment_strategy"] = ASSIGNORS
    if o.instance:
        settings["group_instance_id"] = o.instance
    consumer = await consumer_of(o, o.topic, **settings)
    owned = None
    while not ended.is_set():
        batches = await consumer.getmany(timeout_ms=100)
        now = sorted(each.partition for each in consumer.assignment())
        if now != owned:
            owned = now
            emit(assigned=owned)
        for batch in batches.values():
            for message in batch:
                emit_seen(message.partition, message.offset, message.key)
        if batches:
            await commit_unless_rebalancing(consumer, batches)
    await consumer.stop()


async def commit_unless_rebalancing(consumer, batches):
    """What cannot be committed now is read again by whoever owns the partition next."""
    try:
        await consumer.commit({partition: batch[-1].offset + 1 for partition, batch in batches.items()})
    except KafkaError as error:
        print(f"commit: {error!r}", file=sys.stderr)


async def send(producer, o, topic, records):
    registry = Registry(o.registry)
    for record in records:
        key, value = record["key"], value_of(record, topic, registry)
        try:
            told = await producer.send_and_wait(topic, value, key.encode(), headers=headers_of(record))
            emit(produced={"key": key, "partition": told.partition, "offset": told.offset})
        except KafkaError as error:
            emit(refused={"key": key, "code": getattr(error, "errno", 0), "message": str(error)})


async def producer_of(o, **more):
    producer = AIOKafkaProducer(bootstrap_servers=o.bootstrap, acks="all", request_timeout_ms=20000, **more)
    await producer.start()
    return producer


async def produce(o):
    producer = await producer_of(o, enable_idempotence=bool(o.idempotent))
    await send(producer, o, o.topic, o.records)
    await producer.stop()


async def end(producer, how):
    if how == "hold":
        emit(open=True)
        await asyncio.to_thread(stdin_ended().wait)
    try:
        await (producer.abort_transaction() if how == "abort" else producer.commit_transaction())
    except KafkaError as error:
        if not isinstance(error, ProducerFenced) and getattr(error, "errno", 0) not in FENCED:
            raise
        emit(fenced=True)
        return
    emit(ended=how)


async def transact(o):
    producer = await producer_of(o, transactional_id=o.transactional_id)
    for step in o.steps:
        await producer.begin_transaction()
        await send(producer, o, o.topic, step["records"])
        await end(producer, step["end"])
    await producer.stop()


async def transfer(o):
    producer = await producer_of(o, transactional_id=o.transactional_id)
    consumer = await consumer_of(o, o.topic, group_id=o.group)
    after = await read(o, consumer, raw)
    await producer.begin_transaction()
    await send(producer, o, o.target, o.records)
    await producer.send_offsets_to_transaction(after, o.group)
    await end(producer, o.end)
    await consumer.stop()
    await producer.stop()


async def admin(o):
    client = AIOKafkaAdminClient(bootstrap_servers=o.bootstrap)
    await client.start()
    found = {each["topic"]: len(each["partitions"]) for each in await client.describe_topics(o.topics)}
    emit(topics=found)
    cluster = await client.describe_cluster()
    emit(cluster={"brokers": len(cluster["brokers"]), "controller": cluster["controller_id"]})
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in o.topics]
    configs = {}
    for answer in await client.describe_configs(asked):
        for resource in answer.resources:
            values = {entry[0]: entry[1] for entry in resource[4]}
            configs[resource[3]] = values["cleanup.policy"]
    emit(configs=configs)
    created = await client.create_topics([NewTopic("foreign", 1, 1)])
    emit(create={"code": created.topic_errors[0][1]})
    if o.group:
        await describe_group(client, o.group)
    await client.close()


async def describe_group(client, name):
    listed = [each[0] for each in await client.list_consumer_groups()]
    (answer,) = await client.describe_consumer_groups([name])
    group = answer.groups[0]
    members = [sorted(p for _, parts in member_assignment(each) for p in parts) for each in group[5]]
    emit(groups={"listed": name in listed, "state": group[2].upper(), "members": members})


def member_assignment(member):
    """Topics and partitions of one member of a DescribeGroups answer; its assignment comes encoded."""
    from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

    return ConsumerProtocolMemberAssignment.decode(member[-1]).assignment


def verb(function):
    return lambda o: asyncio.run(function(o))


main(
    {
        each.__name__: verb(each)
        for each in (consume, avro, cloudevent, seek, take, member, produce, transact, transfer, admin)
    }
)
