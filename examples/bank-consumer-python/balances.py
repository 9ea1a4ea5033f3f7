"""Fills a SQLite table with the bank's balances from its events, each event exactly once.

The offset of the last event is stored in the same transaction as what the event changed. So it does not matter when
this program, or Evento, is killed: either both are there or neither is. Nothing is committed to Kafka, and there is no
group: this program reads all partitions, and the database alone says where it goes on.

Usage: balances.py DATABASE [--kafka HOST:PORT] [--registry URL] [--until-end]
"""

import argparse
import sqlite3
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

TOPIC = "account.events"

# What each event does to the balance of its account. Other events change nothing here.
CHANGES = {
    "bank.AccountOpened": lambda event: 0,
    "bank.DepositReceived": lambda event: event["amount"],
    "bank.CashWithdrawn": lambda event: -event["amount"],
    "bank.TransferSent": lambda event: -event["amount"],
}

SCHEMA = """
CREATE TABLE IF NOT EXISTS balances (account TEXT PRIMARY KEY, balance INTEGER NOT NULL, events INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS offsets (partition INTEGER PRIMARY KEY, next INTEGER NOT NULL);
"""


def main():
    options = arguments()
    database = sqlite3.connect(options.database)
    database.executescript(SCHEMA)
    consumer = Consumer({"bootstrap.servers": options.kafka, "group.id": "balances", "enable.auto.commit": False})
    consumer.assign(positions(database, consumer))
    decode = AvroDeserializer(SchemaRegistryClient({"url": options.registry}))
    ends = end_offsets(consumer) if options.until_end else None
    while ends is None or not reached(database, ends):
        messages = consumer.consume(num_messages=500, timeout=0.5)
        with database:  # One transaction: what the events change, and where to go on.
            for message in filter(usable, messages):
                take(database, decode, message)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("database")
    parser.add_argument("--kafka", default="127.0.0.1:9092", help="where Evento's Kafka listener is")
    parser.add_argument("--registry", default="http://127.0.0.1:8081", help="where its schema registry is")
    parser.add_argument("--until-end", action="store_true", help="stop at the events that are there now")
    return parser.parse_args()


def positions(database, consumer):
    """Each partition of the topic, at the offset that the database says."""
    known = dict(database.execute("SELECT partition, next FROM offsets"))
    partitions = consumer.list_topics(TOPIC, timeout=30).topics[TOPIC].partitions
    return [TopicPartition(TOPIC, each, known.get(each, OFFSET_BEGINNING)) for each in partitions]


def end_offsets(consumer):
    return {each.partition: consumer.get_watermark_offsets(each, timeout=30)[1] for each in consumer.assignment()}


def reached(database, ends):
    known = dict(database.execute("SELECT partition, next FROM offsets"))
    return all(known.get(partition, 0) >= end for partition, end in ends.items())


def usable(message):
    """Whether a message is an event. Errors that pass, such as a broker that is away, are told and waited out."""
    error = message.error()
    if error is None:
        return True
    if error.fatal() or error.code() == KafkaError.OFFSET_OUT_OF_RANGE:
        raise KafkaException(error)
    print(error, file=sys.stderr)
    return False


def take(database, decode, message):
    """Applies one event."""
    kind = dict(message.headers())["ce_type"].decode()
    if kind in CHANGES:
        event = decode(message.value(), SerializationContext(TOPIC, MessageField.VALUE))
        database.execute(
            "INSERT INTO balances VALUES (?, ?, 1) ON CONFLICT (account) "
            "DO UPDATE SET balance = balance + excluded.balance, events = events + 1",
            (message.key().decode(), CHANGES[kind](event)),
        )
    database.execute(
        "INSERT INTO offsets VALUES (?, ?) ON CONFLICT (partition) DO UPDATE SET next = excluded.next",
        (message.partition(), message.offset() + 1),
    )


if __name__ == "__main__":
    main()
