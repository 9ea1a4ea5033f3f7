/** Producing: plain, idempotent, in transactions, together with offsets. */

import com.fasterxml.jackson.databind.JsonNode;
import io.confluent.kafka.serializers.KafkaAvroSerializer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

final class Producing {
    private Producing() {}

    static KafkaProducer<String, byte[]> producer(JsonNode o, Map<String, String> more) {
        var settings = new Properties();
        settings.put("bootstrap.servers", o.get("bootstrap").asText());
        settings.put("acks", "all");
        settings.put("delivery.timeout.ms", "20000");
        settings.put("request.timeout.ms", "15000");
        settings.putAll(more);
        return new KafkaProducer<>(settings, new StringSerializer(), new ByteArraySerializer());
    }

    private static KafkaProducer<String, byte[]> transactional(JsonNode o) {
        return producer(o, Map.of("transactional.id", o.get("transactional_id").asText()));
    }

    private static final String STRATEGIES = "io.confluent.kafka.serializers.subject.";

    /** Values by Confluent's own serializer, one per way; it registers the schema unless told otherwise. */
    static final class Encoder {
        private final JsonNode o;
        private final Map<String, Schema> schemas = new HashMap<>();
        private final Map<JsonNode, KafkaAvroSerializer> serializers = new HashMap<>();

        Encoder(JsonNode o) {
            this.o = o;
        }

        byte[] value(String topic, JsonNode record) throws java.io.IOException {
            if (record.has("raw")) {
                return Base64.getDecoder().decode(record.get("raw").asText());
            }
            String name = record.get("type").asText();
            Schema schema = schemas.computeIfAbsent(
                    name, each -> new Schema.Parser().parse(o.get("schemas").get(each).asText()));
            var decoder = DecoderFactory.get().jsonDecoder(schema, record.get("data").toString());
            var serializer = serializers.computeIfAbsent(record.path("serializer"), this::serializer);
            return serializer.serialize(topic, new GenericDatumReader<>(schema).read(null, decoder));
        }

        private KafkaAvroSerializer serializer(JsonNode way) {
            String strategy = switch (way.path("strategy").asText("topic-record")) {
                case "topic" -> "TopicNameStrategy";
                case "record" -> "RecordNameStrategy";
                default -> "TopicRecordNameStrategy";
            };
            var serializer = new KafkaAvroSerializer();
            serializer.configure(Map.of(
                    "schema.registry.url", o.get("registry").asText(),
                    "value.subject.name.strategy", STRATEGIES + strategy,
                    "auto.register.schemas", way.path("register").asBoolean(true),
                    "use.latest.version", way.path("latest").asBoolean(false)), false);
            return serializer;
        }
    }

    /** One record that was handed over, and what will become of it. */
    private record Sent(String key, Future<RecordMetadata> told) {}

    private static void send(KafkaProducer<String, byte[]> producer, JsonNode o, String topic, JsonNode records)
            throws Exception {
        var encoder = new Encoder(o);
        var all = new ArrayList<Sent>();
        for (JsonNode each : records) {
            var key = each.get("key").asText();
            var record = new ProducerRecord<>(topic, key, encoder.value(topic, each));
            each.path("headers").properties().forEach(header ->
                    record.headers().add(header.getKey(), header.getValue().asText().getBytes(StandardCharsets.UTF_8)));
            all.add(new Sent(key, producer.send(record)));
        }
        producer.flush();
        for (Sent each : all) {
            tell(each);
        }
    }

    private static void tell(Sent sent) throws InterruptedException {
        var line = Contract.object().put("key", sent.key());
        try {
            var told = sent.told().get();
            Contract.emit("produced", line.put("partition", told.partition()).put("offset", told.offset()));
        } catch (ExecutionException failure) {
            var code = Errors.forException(failure.getCause()).code();
            Contract.emit("refused", line.put("code", code).put("message", failure.getCause().getMessage()));
        }
    }

    static void produce(JsonNode o) throws Exception {
        var idempotent = String.valueOf(o.path("idempotent").asBoolean());
        try (var producer = producer(o, Map.of("enable.idempotence", idempotent))) {
            send(producer, o, o.get("topic").asText(), o.get("records"));
        }
    }

    private static void end(KafkaProducer<String, byte[]> producer, String how) throws InterruptedException {
        if (how.equals("hold")) {
            Contract.emit("open", true);
            Contract.stdinEnded().await();
        }
        try {
            if (how.equals("abort")) {
                producer.abortTransaction();
            } else {
                producer.commitTransaction();
            }
            Contract.emit("ended", Contract.JSON.valueToTree(how));
        } catch (KafkaException failure) {
            if (!fenced(failure)) {
                throw failure;
            }
            Contract.emit("fenced", true);
        }
    }

    private static boolean fenced(Throwable failure) {
        return failure != null
                && (failure instanceof ProducerFencedException
                        || failure instanceof InvalidProducerEpochException
                        || fenced(failure.getCause()));
    }

    static void transact(JsonNode o) throws Exception {
        try (var producer = transactional(o)) {
            producer.initTransactions();
            for (JsonNode step : o.get("steps")) {
                producer.beginTransaction();
                send(producer, o, o.get("topic").asText(), step.get("records"));
                end(producer, step.get("end").asText());
            }
        }
    }

    static void transfer(JsonNode o) throws Exception {
        try (var producer = transactional(o);
                var consumer = Reading.consumer(o)) {
            producer.initTransactions();
            consumer.subscribe(List.of(o.get("topic").asText()));
            var after = Reading.read(o, consumer, Contract::emitRecord);
            producer.beginTransaction();
            send(producer, o, o.get("target").asText(), o.get("records"));
            producer.sendOffsetsToTransaction(after, consumer.groupMetadata());
            end(producer, o.get("end").asText());
        }
    }
}
