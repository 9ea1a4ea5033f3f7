"""kafka-python as the tests use it. See ../README.md for the contract."""

import sys

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
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

ASSIGNORS = {"eager": [RangePartitionAssignor], "cooperative": [CooperativeStickyAssignor]}


def consumer_of(o, *topics, **more):
    settings = {"enable_auto_commit": False, "auto_offset_reset": "earliest"}
    settings["isolation_level"] = o.isolation or "read_committed"
    return KafkaConsumer(*topics, bootstrap_servers=o.bootstrap, **{**settings, **more})


def raw(message):
    headers = message.headers
    emit_record(message.partition, message.offset, message.key, message.timestamp, headers, message.value)


def read(o, consumer, each):
    """Hands `count` wanted messages to `each`, and the offset after the last message seen of each partition back."""
    after, left = {}, o.count
    while left > 0:
        batches = consumer.poll(timeout_ms=PATIENCE * 1000, max_records=1)
        assert batches, "no record comes"
        for message in (message for batch in batches.values() for message in batch):
            after[TopicPartition(o.topic, message.partition)] = OffsetAndMetadata(message.offset + 1, "", -1)
            if o.wants(message.key.decode()):
                each(message)
                left -= 1
    return after


def assigned(o):
    """A consumer of all partitions without a group, and these partitions."""
    consumer = consumer_of(o)
    partitions = [TopicPartition(o.topic, each) for each in sorted(consumer.partitions_for_topic(o.topic))]
    consumer.assign(partitions)
    return consumer, partitions


def from_beginning(o, each):
    consumer, partitions = assigned(o)
    consumer.seek_to_beginning(*partitions)
    read(o, consumer, each)
    consumer.close()


def consume(o):
    from_beginning(o, raw)


def cloudevent(o):
    from_beginning(o, lambda message: emit_cloudevent(message.key, message.headers, message.value))


def avro(o):
    registry = Registry(o.registry)

    def each(message):
        emit_decoded(message.partition, message.offset, message.key, *registry.decode(message.value))

    from_beginning(o, each)


def seek(o):
    consumer, partitions = assigned(o)
    found = consumer.offsets_for_times({each: o.timestamp for each in partitions})
    for partition in partitions:
        if found[partition] is None:
            consumer.seek_to_end(partition)
        else:
            consumer.seek(partition, found[partition].offset)
    read(o, consumer, raw)
    consumer.close()


def take(o):
    consumer = consumer_of(o, o.topic, group_id=o.group)
    after = read(o, consumer, raw)
    consumer.commit(after)
    emit(committed={each.partition: consumer.committed(each) for each in after})
    consumer.close()


def member(o):
    ended = stdin_ended()
    settings = {"session_timeout_ms": o.session, "heartbeat_interval_ms": 500, "group_id": o.group}
    settings["partition_assignment_strategy"] = ASSIGNORS[o.strategy or "eager"]
    if o.instance:
        settings["group_instance_id"] = o.instance
    consumer = consumer_of(o, o.topic, **settings)
    owned = None
    while not ended.is_set():
        batches = consumer.poll(timeout_ms=100)
        now = sorted(each.partition for each in consumer.assignment())
        if now != owned:
            owned = now
            emit(assigned=owned)
        for message in (message for batch in batches.values() for message in batch):
            emit_seen(message.partition, message.offset, message.key)
        if batches:
            commit_unless_rebalancing(consumer)
    consumer.close()


def commit_unless_rebalancing(consumer):
    """What cannot be committed now is read again by whoever owns the partition next."""
    try:
        consumer.commit()
    except KafkaError as error:
        print(f"commit: {error!r}", file=sys.stderr)


def producer_of(o, **more):
    return KafkaProducer(bootstrap_servers=o.bootstrap, acks="all", linger_ms=5, **more)


def send(producer, o, topic, records):
    registry = Registry(o.registry)
    sent = []
    for record in records:
        value = value_of(record, topic, registry)
        future = producer.send(topic, value, record["key"].encode(), headers=headers_of(record))
        sent.append((record["key"], future))
    for key, future in sent:
        try:
            told = future.get(timeout=PATIENCE)
            emit(produced={"key": key, "partition": told.partition, "offset": told.offset})
        except KafkaError as error:
            emit(refused={"key": key, "code": error.errno, "message": str(error)})


def produce(o):
    producer = producer_of(o, enable_idempotence=bool(o.idempotent))
    send(producer, o, o.topic, o.records)
    producer.close()


def end(producer, how):
    if how == "hold":
        emit(open=True)
        stdin_ended().wait()
    try:
        producer.abort_transaction() if how == "abort" else producer.commit_transaction()
    except KafkaError as error:
        if error.errno not in FENCED:
            raise
        emit(fenced=True)
        return
    emit(ended=how)


def transact(o):
    producer = producer_of(o, transactional_id=o.transactional_id)
    producer.init_transactions()
    for step in o.steps:
        producer.begin_transaction()
        send(producer, o, o.topic, step["records"])
        end(producer, step["end"])
    producer.close(timeout=PATIENCE)


def transfer(o):
    producer = producer_of(o, transactional_id=o.transactional_id)
    producer.init_transactions()
    consumer = consumer_of(o, o.topic, group_id=o.group)
    after = read(o, consumer, raw)
    producer.begin_transaction()
    send(producer, o, o.target, o.records)
    producer.send_offsets_to_transaction(after, consumer.group_metadata())
    end(producer, o.end)
    consumer.close()
    producer.close(timeout=PATIENCE)


def admin(o):
    client = KafkaAdminClient(bootstrap_servers=o.bootstrap)
    emit(topics={each["name"]: len(each["partitions"]) for each in client.describe_topics(o.topics)})
    cluster = client.describe_cluster()
    emit(cluster={"brokers": len(cluster["brokers"]), "controller": cluster["controller_id"]})
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in o.topics]
    found = client.describe_configs(asked, config_filter="all")
    emit(configs={name: found["topic"][name]["cleanup.policy"]["value"] for name in o.topics})
    try:
        client.create_topics([NewTopic("foreign", 1, 1)])
        emit(create={"code": 0})
    except KafkaError as error:
        emit(create={"code": error.errno})
    if o.group:
        listed = [each["group_id"] for each in client.list_groups()]
        group = client.describe_groups([o.group])[o.group]
        members = [sorted(partitions(each["member_assignment"])) for each in group["members"]]
        emit(groups={"listed": o.group in listed, "state": group["group_state"].upper(), "members": members})
    client.close()


def partitions(assignment):
    return [each for topic in assignment["assigned_partitions"] for each in topic["partitions"]]


main(
    {
        each.__name__: each
        for each in (consume, avro, cloudevent, seek, take, member, produce, transact, transfer, admin)
    }
)
