/** What goes on while the server is killed under it: a stream, transactions, a reader. See ../README.md. */

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.protocol.Errors;

final class Running {
    /** Records that wait for their answer at once, unless the options say how many. */
    private static final int IN_FLIGHT = 100;
    /** Records of each transaction. */
    private static final int RECORDS = 3;
    /** Longest time that a record may take before it is an error: a kill is much shorter. */
    private static final Map<String, String> PATIENT =
            Map.of("delivery.timeout.ms", "60000", "retry.backoff.max.ms", "200", "reconnect.backoff.max.ms", "200");

    private Running() {}

    /** Deposit number {@code n}. */
    private static ProducerRecord<String, byte[]> deposit(JsonNode o, Producing.Encoder encoder, int n, String text)
            throws java.io.IOException {
        var keys = o.get("keys");
        var record = Contract.object().put("type", "bank.ReceiveDeposit");
        record.putObject("data").put("amount", n + 1).put("reference", text);
        var topic = o.get("topic").asText();
        return new ProducerRecord<>(topic, keys.get(n % keys.size()).asText(), encoder.value(topic, record));
    }

    static void stream(JsonNode o) throws Exception {
        var ended = Contract.stdinEnded();
        var encoder = new Producing.Encoder(o);
        var free = new Semaphore(o.path("in_flight").asInt(IN_FLIGHT));
        int n = 0;
        try (var producer = Producing.producer(o, PATIENT)) {
            for (; ended.getCount() > 0; n++) {
                free.acquire();
                int number = n;
                producer.send(deposit(o, encoder, n, "s" + n), (told, failure) -> {
                    free.release();
                    tell(number, failure);
                });
            }
            producer.flush();
        }
        Contract.emit("sent", Contract.JSON.valueToTree(n));
    }

    private static void tell(int n, Exception failure) {
        if (failure == null) {
            Contract.emit("acked", Contract.JSON.valueToTree(n));
        } else {
            var line = Contract.object().put("n", n).put("code", Errors.forException(failure).code());
            Contract.emit("lost", line.put("message", failure.getMessage()));
        }
    }

    /** Calls again for as long as it only takes too long. */
    private static void insist(Runnable call) {
        while (true) {
            try {
                call.run();
                return;
            } catch (TimeoutException | InterruptException later) {
                // The same call goes on where it was.
            }
        }
    }

    private static KafkaProducer<String, byte[]> started(JsonNode o) {
        var settings = new java.util.HashMap<>(PATIENT);
        settings.put("transactional.id", o.get("transactional_id").asText());
        var producer = Producing.producer(o, settings);
        insist(producer::initTransactions);
        return producer;
    }

    /** One transaction; how it ended. Throws if this producer cannot go on. */
    private static String transaction(
            JsonNode o, KafkaProducer<String, byte[]> producer, Producing.Encoder encoder, int n, String wanted)
            throws java.io.IOException {
        try {
            producer.beginTransaction();
            for (int i = 0; i < RECORDS; i++) {
                producer.send(deposit(o, encoder, n + i, "t" + n + "." + i));
            }
            insist(wanted.equals("commit") ? producer::commitTransaction : producer::abortTransaction);
            return wanted;
        } catch (KafkaException failure) {
            // Throws again if the producer is fenced or in no state to go on.
            insist(producer::abortTransaction);
            return "abort";
        }
    }

    static void transactions(JsonNode o) throws Exception {
        CountDownLatch ended = Contract.stdinEnded();
        var encoder = new Producing.Encoder(o);
        var producer = started(o);
        for (int n = 0; ended.getCount() > 0; n++) {
            String wanted = n % 4 == 3 ? "abort" : "commit";
            String end;
            try {
                end = transaction(o, producer, encoder, n, wanted);
            } catch (KafkaException | IllegalStateException failure) {
                // What became of a commit, only the server knows now. The next producer of this id ends what is open.
                end = wanted.equals("commit") ? "doubt" : "abort";
                Contract.emit("replaced", Contract.JSON.valueToTree(String.valueOf(failure)));
                producer.close(Duration.ZERO);
                producer = started(o);
            }
            Contract.emit("transaction", Contract.object().put("n", n).put("end", end));
        }
        producer.close();
    }

    static void watch(JsonNode o) {
        var ended = Contract.stdinEnded();
        try (var consumer = Reading.consumer(o)) {
            var all = new ArrayList<TopicPartition>();
            for (JsonNode topic : o.get("topics")) {
                consumer.partitionsFor(topic.asText())
                        .forEach(each -> all.add(new TopicPartition(each.topic(), each.partition())));
            }
            consumer.assign(all);
            consumer.seekToBeginning(all);
            while (ended.getCount() > 0) {
                consumer.poll(Duration.ofMillis(100)).forEach(record ->
                        Contract.emitRecord(record, Contract.object().put("topic", record.topic())));
            }
        }
    }
}
