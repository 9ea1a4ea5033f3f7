"""confluent-kafka (librdkafka) as the tests use it. See ../README.md for the contract."""

import base64
import json
import time
import uuid

import confluent_running as running
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType
from confluent_kafka.schema_registry import (
    SchemaRegistryClient,
    header_schema_id_serializer,
    record_subject_name_strategy,
    topic_record_subject_name_strategy,
    topic_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from contract import (
    FENCED,
    PATIENCE,
    emit,
    emit_cloudevent,
    emit_decoded,
    emit_record,
    emit_seen,
    full_name,
    headers_of,
    main,
    stdin_ended,
)

STRATEGIES = {"eager": "range", "cooperative": "cooperative-sticky"}


def consumer_of(o, **more):
    return Consumer(
        {
            "bootstrap.servers": o.bootstrap,
            "group.id": o.group or f"alone-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": o.isolation or "read_committed",
            "reconnect.backoff.max.ms": 500,
            **more,
        }
    )


def messages(consumer):
    """Messages as they come; ends the program when none comes for long."""
    last = time.monotonic()
    while True:
        message = consumer.poll(0.1)
        if message is None:
            assert time.monotonic() - last < PATIENCE, "no record comes"
            continue
        if message.error():
            raise KafkaException(message.error())
        last = time.monotonic()
        yield message


def partitions_of(consumer, topic):
    found = consumer.list_topics(topic, timeout=PATIENCE).topics[topic]
    assert found.error is None, found.error
    return sorted(found.partitions)


def raw(message):
    at = message.timestamp()[1]
    emit_record(message.partition(), message.offset(), message.key(), at, message.headers(), message.value())


def read(o, consumer, each):
    """Hands `count` wanted messages to `each`, and the offset after the last message seen of each partition back."""
    after, left = {}, o.count
    for message in messages(consumer):
        after[message.partition()] = message.offset() + 1
        if o.wants(message.key().decode()):
            each(message)
            left -= 1
        if left == 0:
            return [TopicPartition(o.topic, partition, offset) for partition, offset in after.items()]


def from_beginning(o, each):
    consumer = consumer_of(o)
    consumer.assign([TopicPartition(o.topic, p, OFFSET_BEGINNING) for p in partitions_of(consumer, o.topic)])
    read(o, consumer, each)
    consumer.close()


def consume(o):
    from_beginning(o, raw)


def cloudevent(o):
    from_beginning(o, lambda message: emit_cloudevent(message.key(), message.headers(), message.value()))


def avro(o):
    registry = SchemaRegistryClient({"url": o.registry})
    deserializer = AvroDeserializer(registry)

    def each(message):
        value = message.value()
        data = deserializer(value, SerializationContext(o.topic, MessageField.VALUE, message.headers()))
        schema = json.loads(registry.get_schema(int.from_bytes(value[1:5], "big")).schema_str)
        emit_decoded(message.partition(), message.offset(), message.key(), full_name(schema), data)

    from_beginning(o, each)


def seek(o):
    consumer = consumer_of(o)
    asked = [TopicPartition(o.topic, p, o.timestamp) for p in partitions_of(consumer, o.topic)]
    consumer.assign(consumer.offsets_for_times(asked, timeout=PATIENCE))
    read(o, consumer, raw)
    consumer.close()


def take(o):
    consumer = consumer_of(o)
    consumer.subscribe([o.topic])
    after = read(o, consumer, raw)
    done = consumer.commit(offsets=after, asynchronous=False)
    emit(committed={each.partition: each.offset for each in done})
    consumer.close()


def member(o):
    ended = stdin_ended()
    settings = {"session.timeout.ms": o.session, "heartbeat.interval.ms": 500}
    settings["partition.assignment.strategy"] = STRATEGIES[o.strategy or "eager"]
    if o.protocol == "consumer":
        settings = {"group.protocol": "consumer"}
    if o.instance:
        settings["group.instance.id"] = o.instance
    consumer = consumer_of(o, **settings)
    consumer.subscribe([o.topic])
    owned = None
    while not ended.is_set():
        message = consumer.poll(0.1)
        now = sorted(each.partition for each in consumer.assignment())
        if now != owned:
            owned = now
            emit(assigned=owned)
        if message is not None and not message.error():
            emit_seen(message.partition(), message.offset(), message.key())
            commit(o, consumer, message)
    consumer.close()


def commit(o, consumer, message):
    if not o.synchronous:
        consumer.commit(message=message, asynchronous=True)
        return
    try:
        consumer.commit(message=message, asynchronous=False)
    except KafkaException as error:
        # The group moves, or the server is gone: the record is read again by whoever owns its partition then.
        if error.args[0].fatal():
            raise


def producer_of(o, **more):
    wait = {"message.timeout.ms": 20000} if "transactional.id" not in more else {}
    settings = {"bootstrap.servers": o.bootstrap, "partitioner": "murmur2_random", "acks": "all"}
    settings["reconnect.backoff.max.ms"] = 500
    return Producer({**settings, "linger.ms": 5, **wait, **more})


SUBJECTS = {
    "topic": topic_subject_name_strategy,
    "record": record_subject_name_strategy,
    "topic-record": topic_record_subject_name_strategy,
}


class Encoder:
    """Values by Confluent's own serializer, one per type and way; it registers the schema unless told otherwise."""

    def __init__(self, o):
        self.o, self.serializers = o, {}

    def value(self, topic, record):
        """The value, and the headers that the serializer adds."""
        if "raw" in record:
            return base64.b64decode(record["raw"]), []
        name, way = record["type"], record.get("serializer", {})
        by_topic = way.get("strategy") == "topic" and way.get("latest")
        # The union of a topic has commands of the same fields: only their name tells which one is meant.
        data = (name, record["data"]) if by_topic else record["data"]
        context = SerializationContext(topic, MessageField.VALUE, headers=[])
        return self.serializer(name, way)(data, context), context.headers

    def serializer(self, name, way):
        key = (name, json.dumps(way))
        if key not in self.serializers:
            client = SchemaRegistryClient({"url": self.o.registry})
            conf = {
                "subject.name.strategy": SUBJECTS[way.get("strategy", "topic-record")],
                "auto.register.schemas": way.get("register", True),
                "use.latest.version": way.get("latest", False),
            }
            if way.get("header"):
                conf["schema.id.serializer"] = header_schema_id_serializer
            self.serializers[key] = AvroSerializer(client, self.o.schemas[name], conf=conf)
        return self.serializers[key]


def send(producer, o, topic, records):
    encoder = Encoder(o)

    def told(error, message):
        key = message.key().decode()
        if error is not None:
            emit(refused={"key": key, "code": error.code(), "message": error.str()})
        else:
            emit(produced={"key": key, "partition": message.partition(), "offset": message.offset()})

    for record in records:
        value, more = encoder.value(topic, record)
        producer.produce(topic, value, record["key"], headers=headers_of(record) + more, on_delivery=told)
    assert producer.flush(PATIENCE) == 0, "not all were delivered"


def produce(o):
    send(producer_of(o, **{"enable.idempotence": bool(o.idempotent)}), o, o.topic, o.records)


def end(producer, how):
    if how == "hold":
        emit(open=True)
        stdin_ended().wait()
    try:
        producer.abort_transaction(PATIENCE) if how == "abort" else producer.commit_transaction(PATIENCE)
    except KafkaException as error:
        if error.args[0].code() not in FENCED:
            raise
        emit(fenced=True)
        return
    emit(ended=how)


def transact(o):
    producer = producer_of(o, **{"transactional.id": o.transactional_id})
    producer.init_transactions(PATIENCE)
    for step in o.steps:
        producer.begin_transaction()
        send(producer, o, o.topic, step["records"])
        end(producer, step["end"])


def transfer(o):
    producer = producer_of(o, **{"transactional.id": o.transactional_id})
    producer.init_transactions(PATIENCE)
    consumer = consumer_of(o)
    consumer.subscribe([o.topic])
    after = read(o, consumer, raw)
    producer.begin_transaction()
    send(producer, o, o.target, o.records)
    producer.send_offsets_to_transaction(after, consumer.consumer_group_metadata(), PATIENCE)
    end(producer, o.end)
    consumer.close()


def running_producer(o):
    """What makes producers that outlive a server's kills, and what makes the value of a record."""
    encoder = Encoder(o)
    return (
        lambda **more: producer_of(o, **more),
        lambda record: encoder.value(o.topic, record)[0],
    )


def stream(o):
    running.stream(o, *running_producer(o))


def transactions(o):
    running.transactions(o, *running_producer(o))


def watch(o):
    consumer = consumer_of(o)
    topics = [(topic, partition) for topic in o.topics for partition in partitions_of(consumer, topic)]
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for topic, partition in topics])
    running.watch(consumer)


def admin(o):
    client = AdminClient({"bootstrap.servers": o.bootstrap})
    found = client.list_topics(timeout=PATIENCE).topics
    emit(topics={name: len(found[name].partitions) for name in o.topics if name in found})
    cluster = client.describe_cluster(request_timeout=PATIENCE).result()
    emit(cluster={"brokers": len(cluster.nodes), "controller": cluster.controller.id})
    configs = client.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in o.topics])
    emit(configs={resource.name: each.result()["cleanup.policy"].value for resource, each in configs.items()})
    try:
        client.create_topics([NewTopic("foreign", 1, 1)])["foreign"].result()
        emit(create={"code": 0})
    except KafkaException as error:
        emit(create={"code": error.args[0].code()})
    if o.group:
        listed = [each.group_id for each in client.list_consumer_groups().result().valid]
        group = client.describe_consumer_groups([o.group])[o.group].result()
        members = [sorted(p.partition for p in each.assignment.topic_partitions) for each in group.members]
        emit(groups={"listed": o.group in listed, "state": group.state.name, "members": members})


main(
    {
        "consume": consume,
        "avro": avro,
        "cloudevent": cloudevent,
        "seek": seek,
        "take": take,
        "member": member,
        "produce": produce,
        "transact": transact,
        "transfer": transfer,
        "stream": stream,
        "transactions": transactions,
        "watch": watch,
        "admin": admin,
    }
)
