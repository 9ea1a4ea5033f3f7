"""What goes on in confluent-kafka while the server is killed under it: a stream, transactions, a reader.

Part of confluent.py, which makes the clients; see ../README.md for the contract.
"""

import threading

from confluent_kafka import KafkaException
from contract import emit, emit_record, stdin_ended

# Records that wait for their answer at once, unless the options say how many.
IN_FLIGHT = 100
# Longest time that a record, or one call of the transactions API, may take before it is an error, in seconds.
PATIENCE = 60
# Records of each transaction.
RECORDS = 3


def deposit(o, n, text):
    """The key of record number n, and the record."""
    key = o.keys[n % len(o.keys)]
    return key, {"type": "bank.ReceiveDeposit", "data": {"amount": n + 1, "reference": text}}


def stream(o, producer_of, value_of):
    ended, free = stdin_ended(), threading.Semaphore(o.in_flight or IN_FLIGHT)
    settings = {"enable.idempotence": True, "message.timeout.ms": PATIENCE * 1000}
    producer = producer_of(**settings)

    def tell(n):
        def told(error, _):
            free.release()
            if error is None:
                emit(acked=n)
            else:
                emit(lost={"n": n, "code": error.code(), "message": error.str()})

        return told

    n = 0
    while not ended.is_set():
        if not free.acquire(blocking=False):
            producer.poll(0.05)
            continue
        key, record = deposit(o, n, f"s{n}")
        producer.produce(o.topic, value_of(record), key, on_delivery=tell(n))
        producer.poll(0)
        n += 1
    assert producer.flush(PATIENCE) == 0, "not all were delivered"
    emit(sent=n)


def insist(call):
    """Calls again for as long as the library says that this may help."""
    while True:
        try:
            return call(PATIENCE)
        except KafkaException as error:
            if not error.args[0].retriable():
                raise


def started(producer_of, o):
    settings = {"transactional.id": o.transactional_id}
    producer = producer_of(**settings)
    insist(producer.init_transactions)
    return producer


def transaction(o, producer, value_of, n, wanted):
    """One transaction; how it ended. Raises if this producer cannot go on."""
    try:
        producer.begin_transaction()
        for i in range(RECORDS):
            key, record = deposit(o, n + i, f"t{n}.{i}")
            producer.produce(o.topic, value_of(record), key)
            producer.poll(0)
        insist(producer.commit_transaction if wanted == "commit" else producer.abort_transaction)
        return wanted
    except KafkaException as error:
        if error.args[0].fatal():
            raise
        insist(producer.abort_transaction)
        return "abort"


def transactions(o, producer_of, value_of):
    ended = stdin_ended()
    producer = started(producer_of, o)
    n = 0
    while not ended.is_set():
        wanted = "abort" if n % 4 == 3 else "commit"
        try:
            end = transaction(o, producer, value_of, n, wanted)
        except KafkaException as error:
            # What became of a commit, only the server knows now. The next producer of this id ends what is open.
            end = "doubt" if wanted == "commit" else "abort"
            emit(replaced=str(error))
            producer = started(producer_of, o)
        emit(transaction={"n": n, "end": end})
        n += 1


def watch(consumer):
    ended = stdin_ended()
    while not ended.is_set():
        message = consumer.poll(0.1)
        if message is None or message.error():
            continue
        at = message.timestamp()[1]
        headers, place = message.headers(), {"topic": message.topic()}
        emit_record(message.partition(), message.offset(), message.key(), at, headers, message.value(), **place)
    consumer.close()
